const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
const FIRST_POD = "5f0";

/** The three characters (4 to 6 of an id) that tell the records of one emulated org from those of another. */
export function podOf(orgNumber: number): string {
  const index = orgNumber - 1;
  return `5${BASE62[(BASE62.indexOf("f") + Math.floor(index / 62)) % 62]}${BASE62[index % 62]}`;
}

/** The 18-character id of the `sequence`-th record of a key prefix, such as `001` for Account. */
export function makeId(prefix: string, sequence: number, pod = FIRST_POD): string {
  let rest = sequence;
  let tail = "";
  for (let place = 0; place < 9; place += 1) {
    tail = BASE62[rest % 62] + tail;
    rest = Math.floor(rest / 62);
  }
  return withChecksum(`${prefix}${pod}${tail}`);
}

/** Adds the three characters that let a case-insensitive system tell ids apart. */
export function withChecksum(id15: string): string {
  let suffix = "";
  for (let block = 0; block < 3; block += 1) {
    let bits = 0;
    for (let place = 0; place < 5; place += 1) {
      const character = id15[block * 5 + place] ?? "";
      if (character >= "A" && character <= "Z") bits |= 1 << place;
    }
    suffix += CHECKSUM[bits];
  }
  return id15 + suffix;
}

/**
 * The 18-character form of an id given in 15 or 18 characters, or undefined when it is no id (wrong length, wrong
 * characters, wrong checksum). The checksum restores upper case that got lost, as Salesforce does.
 */
export function toId18(value: string): string | undefined {
  if (!/^[A-Za-z0-9]+$/.test(value)) return undefined;
  if (value.length === 15) return withChecksum(value);
  if (value.length !== 18) return undefined;
  const repaired = repairCase(value);
  return repaired && withChecksum(repaired.slice(0, 15)) === repaired ? repaired : undefined;
}

function repairCase(value: string): string | undefined {
  const suffix = value.slice(15).toUpperCase();
  let id = "";
  for (let block = 0; block < 3; block += 1) {
    const bits = CHECKSUM.indexOf(suffix[block] ?? "");
    if (bits < 0) return undefined;
    for (let place = 0; place < 5; place += 1) {
      const character = value[block * 5 + place] ?? "";
      id += bits & (1 << place) ? character.toUpperCase() : character.toLowerCase();
    }
  }
  return id + suffix;
}
