package server

import (
	"bufio"
	"encoding/json"
	"strings"
	"testing"
)

func TestReadLine(t *testing.T) {
	tests := []struct {
		in       string
		want     string
		tooLong  bool
		wantEnds bool
	}{
		{"abc\n", "abc\n", false, false},
		{"abc", "abc", false, true},
		{"", "", false, true},
		{"12345678\n", "12345678\n", false, false},
		{"123456789\n", "12345678", true, false},
		{"123456789", "12345678", true, true},
		{strings.Repeat("x", 100) + "\n", "xxxxxxxx", true, false},
	}
	for _, tt := range tests {
		reader := bufio.NewReaderSize(strings.NewReader(tt.in), 16)
		got, ends := readLine(reader, 8)
		if strings.TrimRight(string(got.text), "\n") != strings.TrimRight(tt.want, "\n") ||
			got.tooLong != tt.tooLong || ends != tt.wantEnds {
			t.Errorf("%q: got %q, too long %v, ends %v", tt.in, got.text, got.tooLong, ends)
		}
	}
}

func FuzzEarlyID(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":7,"method":"x","params":{"a":"`))
	f.Add([]byte(`{"id":"a`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, beginning []byte) {
		if id := idOfPart(beginning); id != nil && !json.Valid(id) {
			t.Errorf("%q: got %q", beginning, id)
		}
	})
}
