// Command tlog judges what an audit log claims with an implementation that is not ours: Go's golang.org/x/mod/sumdb/note
// and golang.org/x/mod/sumdb/tlog.
//
// It reads a JSON list of cases from standard input and writes a JSON list of verdicts in the same order. Anything but a
// verdict (a case it cannot read, a panic) ends it with a status other than 0.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8 // c2sp.org/tlog-tiles
	tileWidth  = 1 << tileHeight
	proofMagic = "c2sp.org/tlog-proof@v1"
)

// A claim is one case. Which fields count depends on Kind; bytes are base 64 in JSON.
type claim struct {
	Kind    string
	VKey    string
	Note    []byte   // checkpoint: the signed note
	Receipt []byte   // receipt: the tlog-proof
	Folder  string   // tiles: what was exported for one log
	Olds    []head   // tiles: earlier heads that must be prefixes
	Old     head     // tree
	New     head     // record, tree
	Index   int64    // record
	Leaf    []byte   // record
	Path    [][]byte // record, tree
}

type head struct {
	Size int64
	Root []byte
}

// A verdict says whether the claim holds; Size and Root are the signed head of a checkpoint, receipt or export, Records
// is how many leaves of an export were proven.
type verdict struct {
	Accepted bool
	Reason   string
	Size     int64
	Root     []byte
	Records  int64
}

func main() {
	log.SetFlags(0)
	var claims []claim
	if err := json.NewDecoder(os.Stdin).Decode(&claims); err != nil {
		log.Fatal(err)
	}
	verdicts := make([]verdict, 0, len(claims))
	for _, c := range claims {
		tree, records, err := judge(c)
		v := verdict{Accepted: err == nil, Size: tree.N, Root: tree.Hash[:], Records: records}
		if err != nil {
			v.Reason = err.Error()
		}
		verdicts = append(verdicts, v)
	}
	if err := json.NewEncoder(os.Stdout).Encode(verdicts); err != nil {
		log.Fatal(err)
	}
}

func judge(c claim) (tree tlog.Tree, records int64, err error) {
	switch c.Kind {
	case "checkpoint":
		tree, _, err = openCheckpoint(c.Note, c.VKey)
	case "receipt":
		tree, err = checkReceipt(c.Receipt, c.VKey)
	case "record":
		err = checkRecord(c)
	case "tree":
		err = checkTree(c)
	case "tiles":
		tree, records, err = checkTiles(c)
	default:
		log.Fatalf("unknown kind of case: %q", c.Kind)
	}
	return tree, records, err
}

// openCheckpoint verifies a c2sp.org/tlog-checkpoint whose origin is the name of its key.
func openCheckpoint(msg []byte, vkey string) (tlog.Tree, string, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, "", err
	}
	opened, err := note.Open(msg, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, "", err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, "", fmt.Errorf("not a checkpoint of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return tlog.Tree{}, "", fmt.Errorf("size %q", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, lines[0], err
}

// checkReceipt verifies a c2sp.org/tlog-proof whose extra data holds the leaf.
func checkReceipt(text []byte, vkey string) (tlog.Tree, error) {
	top, msg, found := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(top), "\n")
	if !found || len(lines) < 3 || lines[0] != proofMagic {
		return tlog.Tree{}, errors.New("not a tlog-proof with a leaf")
	}
	tree, origin, err := openCheckpoint(msg, vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	data, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return tlog.Tree{}, err
	}
	var extra struct{ Leaf string }
	var names struct {
		Origin string
		Idx    int64
	}
	if err := json.Unmarshal(data, &extra); err != nil {
		return tlog.Tree{}, err
	}
	if err := json.Unmarshal([]byte(extra.Leaf), &names); err != nil {
		return tlog.Tree{}, err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return tlog.Tree{}, err
		}
		proof = append(proof, hash)
	}
	if names.Origin != origin || names.Idx != index {
		return tlog.Tree{}, errors.New("leaf names another log or index")
	}
	return tree, tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash([]byte(extra.Leaf)))
}

func checkRecord(c claim) error {
	hashes, err := toHashes(append(c.Path, c.New.Root)...)
	if err != nil {
		return err
	}
	last := len(hashes) - 1
	return tlog.CheckRecord(hashes[:last], c.New.Size, hashes[last], c.Index, tlog.RecordHash(c.Leaf))
}

func checkTree(c claim) error {
	hashes, err := toHashes(append(c.Path, c.Old.Root, c.New.Root)...)
	if err != nil {
		return err
	}
	last := len(hashes) - 1
	return tlog.CheckTree(hashes[:last-1], c.New.Size, hashes[last], c.Old.Size, hashes[last-1])
}

// checkTiles proves every leaf of an exported log, and that each earlier head is a prefix, from the exported files alone.
func checkTiles(c claim) (tree tlog.Tree, records int64, err error) {
	msg, err := os.ReadFile(filepath.Join(c.Folder, "checkpoint"))
	if err != nil {
		return tree, 0, err
	}
	if tree, _, err = openCheckpoint(msg, c.VKey); err != nil {
		return tree, 0, err
	}
	reader := tlog.TileHashReader(tree, folder(c.Folder))
	for ; records < tree.N; records += tileWidth {
		if err := checkBundle(folder(c.Folder), tree, reader, records); err != nil {
			return tree, records, err
		}
	}
	for _, old := range c.Olds {
		roots, err := toHashes(old.Root)
		if err != nil {
			return tree, tree.N, err
		}
		proof, err := tlog.ProveTree(tree.N, old.Size, reader)
		if err != nil {
			return tree, tree.N, err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.Size, roots[0]); err != nil {
			return tree, tree.N, err
		}
	}
	return tree, tree.N, nil
}

// checkBundle compares the leaves from start on with the hashes that the tree's tiles authenticate.
func checkBundle(from folder, tree tlog.Tree, reader tlog.HashReader, start int64) error {
	width := tree.N - start
	if width > tileWidth {
		width = tileWidth
	}
	leaves, err := from.leaves(tlog.Tile{H: tileHeight, L: -1, N: start / tileWidth, W: int(width)})
	if err != nil {
		return err
	}
	indexes := make([]int64, width)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, start+int64(i))
	}
	hashes, err := reader.ReadHashes(indexes)
	if err != nil {
		return err
	}
	for i, leaf := range leaves {
		if tlog.RecordHash(leaf) != hashes[i] {
			return fmt.Errorf("leaf %d is not in the tree", start+int64(i))
		}
	}
	last := start + width - 1
	proof, err := tlog.ProveRecord(tree.N, last, reader)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, last, hashes[width-1])
}

// A folder is a tlog-tiles export as a tlog.TileReader. Its paths are Go's, less the height, which is fixed.
type folder string

func (f folder) Height() int { return tileHeight }

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		read, err := os.ReadFile(f.path(tile))
		if err != nil {
			return nil, err
		}
		data = append(data, read)
	}
	return data, nil
}

func (f folder) path(tile tlog.Tile) string {
	path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight), "tile/", 1)
	return filepath.Join(string(f), strings.Replace(path, "tile/data/", "tile/entries/", 1))
}

// leaves reads a bundle of exactly tile.W entries.
func (f folder) leaves(tile tlog.Tile) (leaves [][]byte, err error) {
	rest, err := os.ReadFile(f.path(tile))
	if err != nil {
		return nil, err
	}
	for len(rest) >= 2 {
		size := int(binary.BigEndian.Uint16(rest))
		if len(rest) < 2+size {
			break
		}
		leaves, rest = append(leaves, rest[2:2+size]), rest[2+size:]
	}
	if len(rest) != 0 || len(leaves) != tile.W {
		return nil, fmt.Errorf("%s: %d leaves and %d bytes", tile.Path(), len(leaves), len(rest))
	}
	return leaves, nil
}

func toHashes(raw ...[]byte) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(raw))
	for i, data := range raw {
		if copy(hashes[i][:], data) != tlog.HashSize || len(data) != tlog.HashSize {
			return nil, fmt.Errorf("hash of %d bytes", len(data))
		}
	}
	return hashes, nil
}
