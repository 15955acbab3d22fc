package columns

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	tab := New("APP", "NOTE", "MACHINES")
	tab.Limit(6, "NOTE")
	tab.Append("shop-api", "two words", 2)
	tab.Append("ä", "", 10)
	want := ` APP       NOTE    MACHINES 
 shop-api  two wo         2 
           rds              
 ä                       10 `
	if got := tab.String(); got != want || tab.Len() != 2 {
		t.Errorf("%d rows\n%s\nwant\n%s", tab.Len(), strings.ReplaceAll(got, " ", "."), strings.ReplaceAll(want, " ", "."))
	}
}
