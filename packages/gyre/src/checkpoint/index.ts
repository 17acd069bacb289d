export {
  bfloat16ToFloat32,
  type DType,
  float32ToBfloat16,
  float32ToHalf,
  halfToFloat32,
} from "./dtypes.ts";
export { matchTensors } from "./match.ts";
export {
  type OfficialFiles,
  type OfficialModel,
  type OfficialOrigin,
  readOfficial,
  type WriteOfficialOptions,
  writeOfficial,
} from "./official.ts";
export {
  type OfficialConfig,
  officialConfig,
  parseOfficialConfig,
  printOfficialConfig,
} from "./official-config.ts";
export {
  decodeSafetensors,
  encodeSafetensors,
  type FloatDType,
  fromFloat32,
  type SafetensorsFile,
  type StoredTensor,
  storeTensors,
  toFloat32,
  toInt32,
} from "./safetensors.ts";
