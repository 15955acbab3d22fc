package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/disk"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/statedir"
)

// initialize creates a signing key with a passphrase, and its public half, in the
// configuration folder. It never replaces a file.
func (a approveRun) initialize(ctx context.Context) error {
	dir, err := a.folders().Config()
	if err != nil {
		return err
	}
	if err := disk.CheckTrusted(dir); err != nil {
		return fmt.Errorf("folder of the key: %w", err)
	}
	private, public := filepath.Join(dir, statedir.SigningKey), filepath.Join(dir, statedir.PublicKey)
	for _, path := range []string{private, public} {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s exists and is never overwritten: to replace it, move %s and %s away first",
				path, statedir.SigningKey, statedir.PublicKey)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return cli.WithDialog(a.stdin, a.stderr, func(d *cli.Dialog) error {
		d.Say("This creates a key for approvals. You enter its passphrase for every approval.\n")
		passphrase, err := newPassphrase(ctx, d)
		if err != nil {
			return err
		}
		key, err := gate.NewSigningKey()
		if err != nil {
			return err
		}
		var sealed bytes.Buffer
		if err := key.Encrypt(&sealed, passphrase, a.workFactor); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := writeNew(private, sealed.Bytes(), 0o600); err != nil {
			return err
		}
		if err := writeNew(public, []byte(key.Public().String()+"\n"), 0o644); err != nil {
			return errors.Join(err, os.Remove(private))
		}
		d.Say("\nKey %s\n  %s  keep it private, where the agent cannot read it\n  %s  servers verify approvals with it\n",
			key.Public().ID(), private, public)
		d.Say("Running servers accept the key from now on.\n")
		return nil
	})
}

// minPassphrase is how many characters a passphrase must have.
const minPassphrase = 8

func newPassphrase(ctx context.Context, d *cli.Dialog) (string, error) {
	prompt := fmt.Sprintf("New passphrase, at least %d characters: ", minPassphrase)
	passphrase, err := d.AskSecret(ctx, prompt)
	if err != nil {
		return "", err
	}
	if n := utf8.RuneCountInString(passphrase); n == 0 {
		return "", gate.ErrNoPassphrase
	} else if n < minPassphrase {
		return "", fmt.Errorf("a passphrase needs at least %d characters", minPassphrase)
	}
	again, err := d.AskSecret(ctx, "Repeat the passphrase: ")
	if err != nil {
		return "", err
	}
	if again != passphrase {
		return "", errors.New("the two passphrases differ")
	}
	return passphrase, nil
}

// writeNew writes a file that must not exist yet. If it fails, it leaves none.
func writeNew(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
