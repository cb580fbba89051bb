// Loads a Compose file with the parser of docker compose, strictly, and prints the project as JSON.
//
//	compose FILE [PROFILE ...]
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	options, err := cli.NewProjectOptions(
		os.Args[1:2],
		cli.WithOsEnv,
		cli.WithResolvedPaths(true),
		cli.WithProfiles(os.Args[2:]),
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

func end(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
