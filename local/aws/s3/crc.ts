import { crc32 } from "node:zlib";

/** A running checksum; `digest` is big-endian, as the `x-amz-checksum-*` headers carry it in base64. */
export interface Checksum {
  update(chunk: Buffer): void;
  digest(): Buffer;
}

/** CRC-32 as zlib computes it. */
export function crc32Checksum(): Checksum {
  let value = 0;
  return {
    update: (chunk) => {
      value = crc32(chunk, value);
    },
    digest: () => bigEndian(value),
  };
}

const CASTAGNOLI = table(0, 0x82f63b78);
const NVME = table(0x9a6c9329, 0xac4bc9b5);

/** CRC-32C (Castagnoli). */
export function crc32cChecksum(): Checksum {
  const crc = reflected(CASTAGNOLI, 0);
  return { update: crc.update, digest: () => bigEndian(crc.low()) };
}

/** CRC-64/NVME, the default of the AWS CLI. */
export function crc64NvmeChecksum(): Checksum {
  const crc = reflected(NVME, 0xffffffff);
  return { update: crc.update, digest: () => Buffer.concat([bigEndian(crc.high()), bigEndian(crc.low())]) };
}

interface Table {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
}

/** The table of a reflected polynomial; 64 bits are two halves, because numbers hold 53. */
function table(polynomialHigh: number, polynomialLow: number): Table {
  const high = new Uint32Array(256);
  const low = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte += 1) {
    let [h, l] = [0, byte];
    for (let bit = 0; bit < 8; bit += 1) {
      const odd = l & 1;
      l = ((l >>> 1) | (h << 31)) >>> 0;
      h >>>= 1;
      if (odd) [h, l] = [(h ^ polynomialHigh) >>> 0, (l ^ polynomialLow) >>> 0];
    }
    high[byte] = h;
    low[byte] = l;
  }
  return { high, low };
}

function reflected({ high, low }: Table, initialHigh: number) {
  let [h, l] = [initialHigh, 0xffffffff];
  return {
    update: (chunk: Buffer) => {
      for (const byte of chunk) {
        const index = (l ^ byte) & 0xff;
        l = (((l >>> 8) | (h << 24)) ^ (low[index] ?? 0)) >>> 0;
        h = ((h >>> 8) ^ (high[index] ?? 0)) >>> 0;
      }
    },
    high: () => (h ^ 0xffffffff) >>> 0,
    low: () => (l ^ 0xffffffff) >>> 0,
  };
}

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
