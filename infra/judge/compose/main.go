// Loads a Compose file with the parser of docker compose, strictly, and prints the project as JSON.
// It takes docker compose's own options, and treats them as docker compose does:
//
//	compose -f FILE [--env-file FILE ...] [--profile NAME ...]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	var files, variables, profiles []string
	take("f", &files)
	take("env-file", &variables)
	take("profile", &profiles)
	flag.Parse()
	options, err := cli.NewProjectOptions(
		files,
		cli.WithOsEnv,
		cli.WithEnvFiles(variables...),
		cli.WithDotEnv,
		cli.WithDefaultProfiles(profiles...),
		cli.WithResolvedPaths(true),
		cli.WithName("evolution-todo"),
	)
	if err != nil {
		end(err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		end(err)
	}
	text, err := project.MarshalJSON()
	if err != nil {
		end(err)
	}
	fmt.Println(string(text))
}

func take(name string, into *[]string) {
	flag.Func(name, "may be given several times", func(word string) error {
		*into = append(*into, word)
		return nil
	})
}

func end(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
