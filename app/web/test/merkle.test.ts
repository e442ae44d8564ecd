/** The inclusion check against a tree that is built the plain way (RFC 6962, section 2.1). */
import { expect, test } from "vitest";
import { type Bytes, same, sha256, utf8 } from "../src/proof/bytes";
import { leafHash, rootFrom } from "../src/proof/merkle";

const NODE = Uint8Array.of(1);

/** Root of the leaves, and the path of the one at `index`, nearest first. */
async function tree(leaves: Bytes[], index: number): Promise<{ root: Bytes; path: Bytes[] }> {
  if (leaves.length === 1) return { root: leaves[0]!, path: [] };
  const split = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  const isLeft = index < split;
  const near = await tree(isLeft ? left : right, isLeft ? index : index - split);
  const far = (await tree(isLeft ? right : left, 0)).root;
  const root = await sha256(NODE, isLeft ? near.root : far, isLeft ? far : near.root);
  return { root, path: [...near.path, far] };
}

const hashes = (size: number) => Promise.all(Array.from({ length: size }, (_, at) => leafHash(utf8(`leaf ${at}`))));

test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 17])(
  "every leaf of a tree of %i, and no other place or size",
  async (size) => {
    const leaves = await hashes(size);
    for (const [index, hash] of leaves.entries()) {
      const { root, path } = await tree(leaves, index);
      const leads = async (at: number, of: number, along = path) => {
        const found = await rootFrom(hash, BigInt(at), BigInt(of), along);
        return found !== null && same(found, root);
      };
      expect(await leads(index, size)).toBe(true);
      expect(await leads(size, size)).toBe(false);
      expect(await leads(index, size, [...path, root])).toBe(false);
      if (path.length > 0) expect(await leads(index, size, path.slice(1))).toBe(false);
      for (let other = 0; other < size; other += 1) if (other !== index) expect(await leads(other, size)).toBe(false);
    }
  },
);
