// Package columns renders tables as text: columns under a header, without lines.
//
//	t := columns.New("APP", "MACHINES")
//	t.Append("shop-api", 2)
//	fmt.Println(t)
package columns

import "github.com/jedib0t/go-pretty/v6/table"

// Table is a table of text.
type Table struct{ writer table.Writer }

// New returns a table with a header and no rows.
func New(header ...any) *Table {
	style := table.StyleLight
	style.Options = table.OptionsNoBordersAndSeparators
	t := &Table{table.NewWriter()}
	t.writer.SetStyle(style)
	t.writer.AppendHeader(header)
	return t
}

// Limit wraps the cells of the columns with these headers at a width.
func (t *Table) Limit(width int, headers ...string) {
	var configs []table.ColumnConfig
	for _, header := range headers {
		configs = append(configs, table.ColumnConfig{Name: header, WidthMax: width})
	}
	t.writer.SetColumnConfigs(configs)
}

// Append adds a row.
func (t *Table) Append(cells ...any) { t.writer.AppendRow(cells) }

// Len returns the number of rows.
func (t *Table) Len() int { return t.writer.Length() }

// String renders the table, without a line end after the last row.
func (t *Table) String() string { return t.writer.Render() }
