import { expect, test } from "vitest";
import { headerRecord, startRecord, valuesRecord } from "../../src/report/events.ts";

test("records are, byte for byte, those of TensorBoard's own writer", () => {
  const records = [
    headerRecord({ seconds: 1234.5 }),
    startRecord({ step: 300, seconds: 1235.25 }),
    valuesRecord({ step: 2 ** 31 + 5, seconds: 1236 }, [
      ["loss", 2.5],
      ["held_out/é", -0.1],
    ]),
  ];
  // RecordWriter over Event messages, tensorboard 2.21.0
  expect(Buffer.concat(records).toString("hex")).toBe(
    "1800000000000000a37f4b220900000000004a93401a0d627261696e2e4576656e743a3265b8d3fb1000000000000000" +
      "95fbfe180900000000004d934010ac023a0208015700946c3200000000000000241956ec090000000000509340108580" +
      "8080082a210a0b0a046c6f737315000020400a120a0b68656c645f6f75742fc3a915cdccccbd22373073",
  );
});

test("and so are those of texts", () => {
  const record = valuesRecord({ step: 3, seconds: 1237 }, [["samples/1_loops", "    één"]]);
  expect(Buffer.from(record).toString("hex")).toBe(
    "410000000000000000a9c2ab09000000000054934010032a340a320a0f73616d706c65732f315f6c6f6f707342130807" +
      "120412020801420920202020c3a9c3a96e4a0a0a060a047465787420024c54a8de",
  );
});
