package main

import "github.com/spf13/cobra"

func approveCommand(p program) *cobra.Command { return &cobra.Command{Use: "approve"} }
