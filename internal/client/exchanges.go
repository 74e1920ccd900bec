package client

import (
	"slices"
	"strings"
	"time"
)

// HTTPExchange is a request and its answer as they went over the wire, without
// secrets: what is one is shown as [redacted]. All texts are printable.
type HTTPExchange struct {
	ID     uint64 // counts those of one connection, and stays the same when more is told
	Method string
	URL    string
	Began  time.Time
	Took   time.Duration // until the answer began
	Status int           // of the answer; 0: there is none (yet)
	Failed string        // why there is none
	Done   bool          // the answer has ended, or there is none
	// Sent and Received are the sizes of the bodies in bytes, as far as they went
	// through here. Sent is -1 if that is not known.
	Sent, Received int64
	// The headers are lines, sorted; the bodies are cut at 16 KiB.
	RequestHeader, ResponseHeader []string
	RequestBody, ResponseBody     string

	quiet bool // nobody is told
}

// tells gives an exchange as it stands to Config.Exchanges.
func (d *debugger) tells(x *HTTPExchange) {
	if d.tell == nil || x.quiet {
		return
	}
	told := *x
	told.RequestHeader, told.ResponseHeader = slices.Clone(x.RequestHeader), slices.Clone(x.ResponseHeader)
	d.tell(told)
}

// adds is more of the body of an answer.
func (x *HTTPExchange) adds(text string) {
	if len(x.ResponseBody) >= maxDebugShown {
		return
	}
	if x.ResponseBody != "" {
		x.ResponseBody += "\n\n"
	}
	x.ResponseBody += text
	if len(x.ResponseBody) > maxDebugShown {
		x.ResponseBody = strings.ToValidUTF8(x.ResponseBody[:maxDebugShown], "") + "\n…"
	}
}
