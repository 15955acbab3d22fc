package main

import "github.com/jedib0t/go-pretty/v6/table"

// newTable is a table as the program prints them: columns, and no lines.
func newTable(header ...any) table.Writer {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.OptionsNoBordersAndSeparators
	t.SetStyle(style)
	t.AppendHeader(header)
	return t
}
