package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
)

// Verdict says how a step of a diagnosis went.
type Verdict string

// The verdicts.
const (
	VerdictOK      Verdict = "ok"
	VerdictWarn    Verdict = "warn" // it works, or may, and somebody should know
	VerdictFail    Verdict = "fail" // nobody can sign in or call as long as it is so
	VerdictSkipped Verdict = "skipped"
)

// The steps of a diagnosis, in their order. StepTokenStore and StepBrowser are
// the caller's.
const (
	StepAddress             = "address"
	StepDNS                 = "dns"
	StepTCP                 = "tcp"
	StepTLS                 = "tls"
	StepClock               = "clock"
	StepEndpoint            = "endpoint"
	StepResource            = "resource_metadata"
	StepAuthorizationServer = "authorization_server"
	StepIssuer              = "issuer"
	StepPKCE                = "pkce"
	StepRegistration        = "registration"
	StepCallbackPort        = "callback_port"
	StepTokenStore          = "token_store"
	StepBrowser             = "browser"
	StepSignIn              = "sign_in"
	StepTools               = "tools"
)

// Step is one thing that a diagnosis looked at. Message and Fix are one line
// each, fit for a terminal, as those of an [Error].
type Step struct {
	Name    string
	Verdict Verdict
	Message string // what was seen
	Fix     string // the one thing to do, or ""; "{program}" as in Error.Hint
}

// Diagnose looks at cfg.Server step by step, as a sign-in and a call would. It
// gives each step as soon as it is known and ends early when ctx does. local are
// the caller's own steps, taken before what they are needed for.
//
// It opens no browser, registers nowhere and does not sign in. A saved access
// token that has ended is renewed, as by any use of it. The error is of
// KindUsage: cfg cannot be used at all.
func Diagnose(ctx context.Context, cfg Config, local ...func(context.Context) Step) (iter.Seq[Step], error) {
	cfg.SignIn = false
	cfg.Protocol, cfg.Spoke = "", nil // the server is asked, and nothing is kept
	mine, err := newConn(cfg)
	if err != nil {
		return nil, err
	}
	stranger, err := newConn(cfg.anonymous())
	if err != nil {
		return nil, err
	}
	d := &diagnosis{mine: mine, stranger: stranger, signer: stranger.signer, lost: map[string]bool{}}
	d.heard = &heard{base: stranger.http.Transport, now: d.cfg.Now}
	stranger.http.Transport = d.heard
	return func(yield func(Step) bool) {
		defer mine.Close()
		defer stranger.Close()
		d.run(ctx, local, yield)
	}, nil
}

// anonymous is the configuration of a client that nobody has signed in.
func (cfg Config) anonymous() Config {
	cfg.AccessToken, cfg.Cache = "", nil
	cfg.Header = cfg.Header.Clone()
	cfg.Header.Del("Authorization")
	return cfg
}

// diagnosis is one run of Diagnose, and what its steps learned.
type diagnosis struct {
	*signer                  // the stranger's
	stranger *Conn           // without a token
	mine     *Conn           // with what is saved, or given
	heard    *heard          // what the stranger was answered
	lost     map[string]bool // the steps that failed, or were not taken because of one

	addresses   []netip.Addr // of the server
	knocked     error        // what the stranger got
	knownIssuer string       // of the saved sign-in
	challenge   *challenge
	resource    *resourceMetadata // nil: there is none
	issuer      string            // that it names
	meta        *serverMetadata   // nil: there is none
	authority   *authority
	signedIn    bool
}

// examination is a step.
type examination struct {
	name  string
	needs []string // without which it makes no sense
	auth  bool     // it is for servers that want a sign-in alone
	look  func(ctx context.Context) Step
}

func (d *diagnosis) examinations(local []func(context.Context) Step) []examination {
	list := []examination{
		{StepAddress, nil, false, d.lookAtAddress},
		{StepDNS, nil, false, d.lookUp},
		{StepTCP, []string{StepDNS}, false, d.dialAll},
		{StepTLS, []string{StepTCP}, false, d.shakeHands},
		{StepClock, []string{StepTLS}, false, d.compareClocks},
		{StepEndpoint, []string{StepTLS}, false, d.lookAtEndpoint},
		{StepResource, []string{StepEndpoint}, true, d.findResource},
		{StepAuthorizationServer, []string{StepResource}, true, d.findAuthorizationServer},
		{StepIssuer, []string{StepAuthorizationServer}, true, d.compareIssuers},
		{StepPKCE, []string{StepAuthorizationServer}, true, d.lookAtPKCE},
		{StepRegistration, []string{StepAuthorizationServer}, true, d.lookAtRegistration},
		{StepCallbackPort, nil, false, d.bindCallback},
	}
	for _, look := range local {
		list = append(list, examination{look: look})
	}
	return append(list,
		examination{StepSignIn, []string{StepTokenStore}, false, d.lookAtSignIn},
		examination{StepTools, []string{StepEndpoint}, false, d.listTools},
	)
}

func (d *diagnosis) run(ctx context.Context, local []func(context.Context) Step, yield func(Step) bool) {
	for _, e := range d.examinations(local) {
		var step Step
		lost := slices.ContainsFunc(e.needs, func(name string) bool { return d.lost[name] })
		switch {
		case lost:
			step = skipped("not looked at, because of what failed")
		case e.auth && d.open():
			step = skipped("not needed: the server wants no sign-in")
		default:
			step = e.look(ctx)
		}
		if ctx.Err() != nil {
			return // what was seen then says nothing
		}
		if step.Name == "" {
			step.Name = e.name
		}
		step.Message, step.Fix = PrintableLine(step.Message), PrintableLine(step.Fix)
		d.lost[step.Name] = lost || step.Verdict == VerdictFail
		if !yield(step) {
			return
		}
	}
}

// open reports whether the server lets strangers in.
func (d *diagnosis) open() bool { return d.knocked == nil && !d.lost[StepEndpoint] }

// patient bounds one step.
func (d *diagnosis) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d.cfg.Timeout)
}

// ok, warning, skipped and failed are the steps' outcomes.
func ok(format string, args ...any) Step {
	return Step{Verdict: VerdictOK, Message: fmt.Sprintf(format, args...)}
}

func skipped(format string, args ...any) Step {
	return Step{Verdict: VerdictSkipped, Message: fmt.Sprintf(format, args...)}
}

func warning(fix, format string, args ...any) Step {
	return Step{Verdict: VerdictWarn, Message: fmt.Sprintf(format, args...), Fix: fix}
}

func failed(fix, format string, args ...any) Step {
	return Step{Verdict: VerdictFail, Message: fmt.Sprintf(format, args...), Fix: fix}
}

// failedStep is the step that an error ends.
func failedStep(err error) Step {
	step := Step{Verdict: VerdictFail, Message: err.Error()}
	var own *Error
	if errors.As(err, &own) {
		step.Message, step.Fix = own.Message, own.Hint
	}
	if step.Fix == "" {
		step.Fix = "tell the operator of the server"
	}
	return step
}
