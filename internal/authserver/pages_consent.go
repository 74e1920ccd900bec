package authserver

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"unicode"

	"github.com/mcpdiscord/mcpdiscord/internal/markup"
)

// consent asks for the user's consent to what a client asks for; checks is what
// this server itself looks at, for no app.
func (p *pages) consent(w http.ResponseWriter, c *Client, req *pendingRequest, sealed string, checks *scopeText) {
	who := markup.Format(`an <strong>app without a name</strong>`)
	if c.Name != "" {
		who = markup.Format(`<strong>%s</strong>`, c.Name)
	}
	described, checked := markup.HTML{}, markup.Format(`not checked it`)
	if from := publisher(c.ID); from != "" {
		described = markup.Format(`<section>
<h2>The app is described by</h2>
<div class="host"><p class="name">%s</p></div>
</section>

`, from)
		checked = markup.Format(`only checked that %s says so too`, from)
	}
	p.write(w, http.StatusOK, "Sign in to "+p.server, markup.Format(`<div class="pair" aria-hidden="true">
<span class="mark app">%s</span>
<span class="line"></span>
<span class="mark"><svg viewBox="0 0 24 24"><path d="M12 3 5 5.6v5.2c0 4.6 2.9 8 7 10.2 4.1-2.2 7-5.6 7-10.2V5.6zM9 11.8l2.2 2.2 4-4.2"/></svg></span>
</div>
<h1>Let %s use %s as you?</h1>
<p class="lead">If you approve, you sign in with Discord next.</p>

%s%s%s%s<form method="post" action="/consent">
<input type="hidden" name="request" value="%s">
<button type="submit" name="decision" value="deny">Deny</button>
<button class="primary" type="submit" name="decision" value="approve">Approve</button>
</form>
<p class="small">The app chose its name itself; %s has %s.</p>
`, initial(c.Name), who, p.server,
		wanted(req.Scopes), p.looksAt(checks), described, destination(req.RedirectURI), sealed, p.server, checked))
}

// wanted is the section of what the client will be able to do: who you are
// first, what it may do last.
func wanted(scopes []string) markup.HTML {
	texts := make([]scopeText, 0, len(scopes))
	for _, scope := range scopes {
		texts = append(texts, describeScope(scope))
	}
	slices.SortStableFunc(texts, func(a, b scopeText) int { return cmp.Compare(a.rank(), b.rank()) })
	items := make([]markup.HTML, 0, len(texts))
	for _, text := range texts {
		items = append(items, text.item())
	}
	return markup.Format(`<section>
<h2>It will be able to</h2>
<ul class="scopes">
%s</ul>
</section>

`, markup.Join(items))
}

// looksAt is the section of what this server itself will do, if anything.
func (p *pages) looksAt(checks *scopeText) markup.HTML {
	if checks == nil {
		return markup.HTML{}
	}
	return markup.Format(`<section>
<h2>%s itself will</h2>
<ul class="scopes">
%s</ul>
</section>

`, p.server, checks.item())
}

// destination is the section of where the sign-in goes to.
func destination(redirectURI string) markup.HTML {
	note := markup.Format(`<b>Check the address.</b> Approve only if it belongs to the app that you have just used.`)
	if isLoopbackRedirect(redirectURI) {
		note = markup.Format(`<b>That is this computer.</b> Any program on this computer can ask for this under any name. Approve only if you have just started it yourself.`)
	} else if u, err := url.Parse(redirectURI); err == nil && u.Scheme != "http" && u.Scheme != "https" {
		note = markup.Format(`<b>That opens an app on this device.</b> Approve only if it is the one that you have just used.`)
	}
	return markup.Format(`<section>
<h2>Your sign-in goes to</h2>
<div class="host">
<p class="name">%s</p>
<p class="uri">%s</p>
</div>
<p class="note">%s</p>
</section>

`, redirectHost(redirectURI), redirectURI, note)
}

// publisher is the host that answers for a client, whose name is only what it
// says of itself.
func publisher(clientID string) string {
	if !isClientURL(clientID) {
		return ""
	}
	return redirectHost(clientID)
}

// scopeText is a scope in words.
type scopeText struct {
	Name   string
	Title  string
	Detail string
	Grave  bool // it lets the app do something, not only look
}

func describeScope(scope string) scopeText {
	text := scopeText{Name: scope}
	switch scope {
	case scopeIdentify:
		text.Title, text.Detail = "See who you are on Discord", "Your user name, display name, avatar and language"
	case scopeEmail:
		text.Title, text.Detail = "See your email address", "The one of your Discord account, and whether it is verified"
	case scopeGuilds:
		text.Title, text.Detail = "See the servers that you are in", "Their names and icons, and your permissions there"
	case scopeGuildsJoin:
		text.Title, text.Detail, text.Grave = "Add you to Discord servers", "It can make you a member without asking you again", true
	case "guilds.members.read":
		text.Title, text.Detail = "See your membership in servers", "Your nickname, your roles and when you joined"
	case "connections":
		text.Title, text.Detail = "See your connected accounts", "Those that you linked with Discord, such as games and streams"
	default:
		text.Title, text.Detail = "Use another Discord permission", "Discord describes it on its own page"
	}
	return text
}

// item is a scope in a list of them.
func (t scopeText) item() markup.HTML {
	begin, mark := markup.Format(`<li>`), markup.Format(`<path d="m5 10.5 3.4 3.4L15 7"/>`)
	if t.Grave {
		begin, mark = markup.Format(`<li class="grave">`), markup.Format(`<path d="M10 4.5v6.5m0 4v.01"/>`)
	}
	return markup.Format(`%s
<svg viewBox="0 0 20 20" aria-hidden="true">%s</svg>
<div><b>%s</b><p>%s <code>%s</code></p></div>
</li>
`, begin, mark, t.Title, t.Detail, t.Name)
}

func (t scopeText) rank() int {
	switch {
	case t.Name == scopeIdentify:
		return 0
	case t.Grave:
		return 2
	}
	return 1
}

// initial is the letter that stands for a client.
func initial(name string) string {
	for _, r := range name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return string(unicode.ToUpper(r))
		}
	}
	return "?"
}
