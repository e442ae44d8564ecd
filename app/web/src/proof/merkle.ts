/** RFC 6962 hashing and the inclusion check of RFC 9162 section 2.1.3.2. */
import { type Bytes, sha256 } from "./bytes";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export function leafHash(leaf: Bytes): Promise<Bytes> {
  return sha256(LEAF, leaf);
}

/** The root to which a leaf's hash leads at this place in a tree of this size; null for a path of wrong length. */
export async function rootFrom(hash: Bytes, index: bigint, size: bigint, path: Bytes[]): Promise<Bytes | null> {
  if (index >= size) return null;
  let [at, last, root] = [index, size - 1n, hash];
  for (const sibling of path) {
    if (last === 0n) return null;
    if (at & 1n || at === last) {
      root = await sha256(NODE, sibling, root);
      while (!(at & 1n) && at !== 0n) [at, last] = [at >> 1n, last >> 1n];
    } else {
      root = await sha256(NODE, root, sibling);
    }
    [at, last] = [at >> 1n, last >> 1n];
  }
  return last === 0n ? root : null;
}
