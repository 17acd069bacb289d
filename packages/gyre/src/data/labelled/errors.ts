import { GyreError } from "../../util/errors.ts";

export function noClasses(source: string, given: string): GyreError {
  return new GyreError("DATA_CLASSES", {
    given: `${JSON.stringify(source)} ${given}`,
    expected:
      'texts of two classes or more: "spam-assassin", a .csv file of class and text, a folder with a folder of .txt files ' +
      "for each class, or one with such parts called train and test",
    fix: "check the path, or put the texts into that form",
  });
}

export function noTexts(folder: string): GyreError {
  return new GyreError("DATA_MISSING", {
    given: `no labelled texts at ${JSON.stringify(folder)}`,
    expected: "a folder that gyre tasks prepare wrote",
    fix: `make it: gyre tasks prepare SOURCE ${folder}`,
  });
}

export function textsExist(path: string): GyreError {
  return new GyreError("DATA_EXISTS", {
    given: `${JSON.stringify(path)} exists already`,
    expected: "a path that does not exist, an empty folder, or labelled texts and leave to replace them",
    fix: "choose another path, or pass --overwrite where labelled texts are to be replaced",
  });
}
