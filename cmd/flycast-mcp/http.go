package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
	"github.com/flycast-mcp/flycast-mcp/internal/server"
)

func httpCommand(p program) *cobra.Command {
	var s serverSettings
	var addr, tokenFile string
	var sse bool
	var origins []string
	var sessions, perCaller int
	c := &cobra.Command{
		Use: "http", Short: "Serve MCP over streamable HTTP at /mcp, on a loopback address",
		Args: cobra.NoArgs,
		Long: `Serve MCP over streamable HTTP at /mcp, on a loopback address.

Every request needs a bearer token. Without --token-file, a random one is
created and printed on stderr. Over HTTP there are no file paths: clients send content.`,
		RunE: func(c *cobra.Command, _ []string) error {
			token, err := bearer(tokenFile)
			if err != nil {
				return err
			}
			if sessions < 1 || perCaller < 1 {
				return errors.New("--max-sessions and --max-sessions-per-client: want at least 1")
			}
			app, err := s.build(c.Context(), p, true)
			if err != nil {
				return err
			}
			err = server.ServeHTTP(c.Context(), app.mcp, server.HTTPOptions{
				Addr: addr, Token: token, SSE: sse, BodyLimit: bodyLimit, AllowedOrigins: origins,
				Log: app.log, Now: p.clock.Now, Sessions: sessions, SessionsPerCaller: perCaller,
				Ready: func(url string) {
					fmt.Fprintf(app.stderr, "serving %s\n", url)
					if tokenFile == "" {
						fmt.Fprintf(app.stderr, "Authorization: Bearer %s\n", token)
					}
				},
			})
			return errors.Join(err, app.Close())
		},
	}
	s.flags(c)
	f := c.Flags()
	f.Lookup("root").Hidden = true // not allowed: over HTTP there are no paths
	f.StringVar(&addr, "addr", "127.0.0.1:8787", "loopback address to listen on")
	f.StringVar(&tokenFile, "token-file", "",
		"file with the bearer token that clients must send (default: a random one, printed)")
	f.BoolVar(&sse, "sse", false,
		"also serve the deprecated HTTP+SSE transport at /sse and /message, with the same checks")
	f.StringArrayVar(&origins, "allow-origin", nil,
		"allow requests from this web origin, such as http://localhost:6274; repeatable; default: this server's own")
	f.IntVar(&sessions, "max-sessions", 1000,
		"most sessions open at once; a session ends after an hour without a request")
	f.IntVar(&perCaller, "max-sessions-per-client", 500, "most sessions per bearer token")
	return c
}

// bearer returns the token that clients must send.
func bearer(file string) (string, error) {
	if file == "" {
		return rand.Text(), nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("--token-file: other users can read %s (mode %v): chmod 600 it",
			file, info.Mode().Perm())
	}
	if err := disk.CheckTrusted(filepath.Dir(file)); err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	data, err := disk.Read(file, maxKeySize)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if len(token) < 16 {
		return "", fmt.Errorf("--token-file %s: the token has %d characters, want at least 16",
			file, len(token))
	}
	return token, nil
}

// bodyLimit allows a fly.toml of 1 MiB as the text of an argument.
const bodyLimit = 2 << 20
