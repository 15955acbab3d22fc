// Shadow is a vet tool. It reports local variables and parameters that have
// the name of a package-level function, type, variable or constant of their
// package: the reader of such a function cannot tell the two apart.
//
//	go -C .ci/shadow build -o /tmp/shadow .
//	go vet -vettool=/tmp/shadow ./...
package main

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/unitchecker"
)

func main() { unitchecker.Main(analyzer()) }

func analyzer() *analysis.Analyzer {
	return &analysis.Analyzer{
		Name: "shadow",
		Doc:  "report locals and parameters that have the name of a package-level identifier",
		Run:  run,
	}
}

func run(pass *analysis.Pass) (any, error) {
	ignored := receivers(pass.Files)
	for ident, object := range pass.TypesInfo.Defs {
		if ident.Name == "_" || ignored[ident] || !isLocal(object) {
			continue
		}
		if outer := pass.Pkg.Scope().Lookup(ident.Name); outer != nil {
			pass.Reportf(ident.Pos(), "%s shadows the %s declared at %s",
				ident.Name, kind(outer), pass.Fset.Position(outer.Pos()))
		}
	}
	return nil, nil
}

// isLocal reports whether object is declared inside a function: a variable, a
// parameter, a constant or a type, but not a field.
func isLocal(object types.Object) bool {
	switch object := object.(type) {
	case *types.Var:
		if object.IsField() {
			return false
		}
	case *types.Const, *types.TypeName:
	default:
		return false
	}
	scope := object.Parent()
	return scope != nil && scope != object.Pkg().Scope()
}

// receivers returns the names of the receivers in files. They may have any name.
func receivers(files []*ast.File) map[*ast.Ident]bool {
	names := map[*ast.Ident]bool{}
	for _, file := range files {
		for _, decl := range file.Decls {
			function, ok := decl.(*ast.FuncDecl)
			if !ok || function.Recv == nil {
				continue
			}
			for _, field := range function.Recv.List {
				for _, name := range field.Names {
					names[name] = true
				}
			}
		}
	}
	return names
}

func kind(object types.Object) string {
	switch object.(type) {
	case *types.Func:
		return "function"
	case *types.TypeName:
		return "type"
	case *types.Const:
		return "constant"
	default:
		return "variable"
	}
}
