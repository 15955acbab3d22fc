package main

import (
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"
)

func TestShadow(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), analyzer(), "a")
}
