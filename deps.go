//go:build deps

package flycastmcp

import (
	_ "charm.land/bubbletea/v2"
	_ "charm.land/lipgloss/v2"
	_ "github.com/chromedp/chromedp"
	_ "go.etcd.io/bbolt"
)
