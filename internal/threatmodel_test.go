package internal_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const threatModel = "../docs/threat-model.md"

var (
	codeSpan   = regexp.MustCompile("`([^`\n]+)`")
	testName   = regexp.MustCompile(`^([a-z]+)\.((?:Test|Fuzz)[A-Za-z0-9_]+)$`)
	anyTest    = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z][A-Za-z0-9_]+`)
	testFunc   = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]*)\(`)
	attackTest = regexp.MustCompile(`^TestAttack[0-9]{2}`)
)

// TestThreatModel holds docs/threat-model.md to the tree: every defense names
// its files and the tests that prove it, all of them exist, and no test of an
// attack is left out.
func TestThreatModel(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(threatModel)
	if err != nil {
		t.Fatal(err)
	}
	document := string(raw)
	rows := proofRows(t, document)
	if len(rows) == 0 {
		t.Fatal("there is no table with the columns Where and Proof")
	}
	tests := testsOfTree(t)
	for _, row := range rows {
		checkWhere(t, row)
		checkProof(t, row, tests)
	}
	// A test that is named without its package, in prose too, is no proof.
	named := map[string]bool{}
	for _, span := range codeSpan.FindAllStringSubmatch(document, -1) {
		if parts := testName.FindStringSubmatch(span[1]); parts != nil {
			named[span[1]] = true
			if !tests[span[1]] {
				t.Errorf("the document names %s, which does not exist", span[1])
			}
		} else if found := anyTest.FindString(span[1]); found != "" {
			t.Errorf("the document names %s, not as package.%s", span[1], found)
		}
	}
	for test := range tests {
		if _, name, _ := strings.Cut(test, "."); attackTest.MatchString(name) && !named[test] {
			t.Errorf("the document does not name %s", test)
		}
	}
}

// proofRow is one line of a table of defenses.
type proofRow struct {
	line         string
	where, proof string
}

// proofRows are the lines of every table whose last two columns are Where and
// Proof.
func proofRows(t *testing.T, document string) []proofRow {
	t.Helper()
	var rows []proofRow
	columns := 0 // of the table that we are in; 0: none of these
	for line := range strings.Lines(document) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			columns = 0
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		n := len(cells)
		switch {
		case n >= 2 && cells[n-2] == "Where" && cells[n-1] == "Proof":
			columns = n
		case columns == 0 || strings.Trim(line, "|- ") == "":
		case n != columns:
			t.Errorf("a line has %d columns, not %d: %s", n, columns, line)
		default:
			rows = append(rows, proofRow{line, cells[n-2], cells[n-1]})
		}
	}
	return rows
}

// checkWhere looks for the files of a defense: below internal/, or cmd/….
func checkWhere(t *testing.T, row proofRow) {
	t.Helper()
	files := codeSpan.FindAllStringSubmatch(row.where, -1)
	if len(files) == 0 {
		t.Errorf("no file is named: %s", row.line)
	}
	for _, file := range files {
		name := file[1]
		if strings.HasPrefix(name, "cmd/") {
			name = "../" + name
		}
		if _, err := os.Stat(filepath.FromSlash(name)); err != nil {
			t.Errorf("there is no file %s: %s", file[1], row.line)
		}
	}
}

// checkProof looks for the tests and scripts of a defense.
func checkProof(t *testing.T, row proofRow, tests map[string]bool) {
	t.Helper()
	proofs := codeSpan.FindAllStringSubmatch(row.proof, -1)
	if len(proofs) == 0 {
		t.Errorf("nothing proves this: %s", row.line)
	}
	for _, proof := range proofs {
		name := proof[1]
		if script, ok := strings.CutPrefix(name, "testscripts/"); ok {
			_, err := os.Stat(filepath.Join("../testscripts", script))
			if err != nil || path.Ext(script) != ".txtar" || strings.Contains(script, "/") {
				t.Errorf("there is no script %s: %s", name, row.line)
			}
			continue
		}
		if !testName.MatchString(name) || !tests[name] {
			t.Errorf("there is no test %s: %s", name, row.line)
		}
	}
}

// testsOfTree are all tests and fuzz targets, as package.Name, whatever build
// tags they have. A package is called as its directory.
func testsOfTree(t *testing.T) map[string]bool {
	t.Helper()
	tests := map[string]bool{}
	var directories []string
	for _, root := range []string{".", "../cmd"} {
		err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(file, "_test.go") {
				return err
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			directory, err := filepath.Abs(filepath.Dir(file))
			if err != nil {
				return err
			}
			if !slices.Contains(directories, directory) {
				directories = append(directories, directory)
			}
			for _, found := range testFunc.FindAllSubmatch(text, -1) {
				tests[filepath.Base(directory)+"."+string(found[1])] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	names := map[string]string{}
	for _, directory := range directories {
		base := filepath.Base(directory)
		if other, taken := names[base]; taken {
			t.Errorf("two packages are called %s: %s and %s", base, other, directory)
		}
		names[base] = directory
	}
	return tests
}
