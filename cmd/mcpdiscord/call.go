package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

func (p *program) callCommand() *cobra.Command {
	o := &clientOptions{}
	var login, dryRun bool
	var elicit []string
	cmd := &cobra.Command{
		Use:   "call TOOL [ARG…] [flags]",
		Short: "Call a tool and print its answer",
		Long: `Call a tool and print its answer: JSON, or its text.

ARG is key=value, key:=json, key=@file, one JSON object, or - for an object on stdin;
later ones override. The tool's schema says of what type a value is; key=null is null
where it has that, and key=@@text begins with an @. Behind a TOOL, --help shows that
tool's arguments.`,
		Example: `  mcpdiscord call get_user_info
  mcpdiscord call get_user_info --jq .username
  mcpdiscord call list_guilds --login`,
		GroupID:     groupUse,
		Annotations: map[string]string{variables: clientVariables},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError("call needs the name of a tool", "run {program} tools to see them", nil)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	addServerFlags(f, o)
	f.BoolVar(&login, "login", false, "sign in with a browser where that is needed")
	addSignInFlags(f, o)
	f.StringArrayVar(&elicit, "elicit", nil, "an answer to what the tool asks: an ARG, decline or cancel (repeatable)")
	f.BoolVar(&dryRun, "dry-run", false, "print the request that would be sent, call nothing")
	addOutputFlags(f, o)
	f.BoolVar(&o.output.raw, "raw", false, "the whole result, as received")
	cmd.SetHelpFunc(p.callHelp(o))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := p.prepare(o); err != nil {
			return err
		}
		return p.call(cmd.Context(), o, callArguments{args: args, elicit: elicit, login: login, dryRun: dryRun})
	}
	return cmd
}

// callArguments are what call alone has.
type callArguments struct {
	args, elicit  []string // the tool and its arguments; --elicit
	login, dryRun bool
}

func (p *program) call(ctx context.Context, o *clientOptions, c callArguments) error {
	words, err := parseWords(c.args[1:], p.in)
	if err != nil {
		return err
	}
	asked, err := p.newQuestions(c.args[0], c.elicit)
	if err != nil {
		return err
	}
	conn, toolList, err := p.connectForTools(ctx, o, connecting{login: c.login, elicit: asked.answer(ctx)})
	if err != nil {
		return err
	}
	defer conn.Close()
	ready := p.wait(o, conn.Identity().Server)
	defer ready()
	tool, arguments, err := prepareCall(ctx, toolList, c.args[0], words)
	if err != nil {
		return err
	}
	if c.dryRun {
		ready()
		return p.dryRun(ctx, o.output, tool, arguments)
	}
	progress, log := p.hearing(o)
	result, err := conn.Call(ctx, client.Call{Name: tool, Arguments: arguments, Progress: progress, Log: log})
	ready()
	if problem := asked.problem(); problem != nil {
		return problem
	}
	asked.unused()
	if err != nil {
		return err
	}
	if err := p.result(ctx, o.output, result); err != nil {
		return err
	}
	if result.IsError {
		return &userError{code: exitTool, kind: string(client.KindTool), message: fmt.Sprintf("the tool %s answered with an error", tool)}
	}
	return nil
}

// connecting is how a command connects.
type connecting struct {
	login  bool
	elicit func(context.Context, client.Elicitation) (client.Answer, error) // nil: no questions
}

// connectForTools is connectFor with the list of tools.
func (p *program) connectForTools(ctx context.Context, o *clientOptions, how connecting) (*client.Conn, *toolCache, error) {
	conn, serverURL, err := p.connectFor(ctx, o, how)
	if err != nil {
		return nil, nil, err
	}
	return conn, p.newToolCache(conn, serverURL), nil
}

// connectFor connects to the server that the flags name.
func (p *program) connectFor(ctx context.Context, o *clientOptions, how connecting) (_ *client.Conn, serverURL string, _ error) {
	cache, err := p.openCache(o)
	if err != nil {
		return nil, "", err
	}
	serverURL, err = p.resolve(o, "", cache)
	if err != nil {
		return nil, "", err
	}
	cfg, stop := p.clientConfig(o, serverURL, cache, how.login)
	defer stop()
	cfg.Elicit = how.elicit
	defer p.wait(o, serverURL)()
	conn, err := client.Connect(ctx, cfg)
	return conn, serverURL, err
}

// prepareCall finds the tool and builds its arguments. What the cached list
// would refuse is checked against a fresh one first.
func prepareCall(ctx context.Context, list *toolCache, name string, words []word) (string, []byte, error) {
	for fresh := false; ; fresh = true {
		tools, cached, err := list.tools(ctx, fresh)
		if err != nil {
			return "", nil, err
		}
		arguments, err := checkCall(tools, name, words)
		if err == nil || !cached {
			return name, arguments, err
		}
	}
}

func checkCall(tools []client.Tool, name string, words []word) ([]byte, error) {
	i := slices.IndexFunc(tools, func(t client.Tool) bool { return t.Name == name })
	if i < 0 {
		return nil, unknownTool(tools, name)
	}
	return buildArguments(tools[i], words)
}

func unknownTool(tools []client.Tool, name string) error {
	var names []string
	for _, t := range tools {
		names = append(names, t.Name)
	}
	hint := "run {program} tools to see them"
	if near := nearest(name, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return usageError(fmt.Sprintf("the server has no tool %q", name), hint, nil)
}
