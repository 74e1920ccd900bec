package server

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"unicode/utf8"
)

// message is what the door must know of a JSON-RPC message before it lets it
// through to the SDK.
type message struct {
	id     string // as it was sent; "" where there is none or it is too long to be repeated
	method string
	tool   string // of a tools/call
}

var (
	errNotJSON   = errors.New("the body is not JSON")
	errNotObject = errors.New("the body is not a single JSON-RPC message")
	errDuplicate = errors.New("the message has a key twice")
	errCrowded   = errors.New("the message has too many keys")
	errNotString = errors.New("method and name are strings")
	errID        = errors.New("the id is a string or a whole number of 64 bits")
)

// maxID and maxKeys bound what is kept of a message.
const (
	maxID   = 256 // bytes
	maxKeys = 64  // of one object that is looked into
)

// parseMessage reads id, method and the tool's name out of a JSON-RPC message.
//
// A scope is checked for the tool that is named here, so nothing else may be
// called in the end: keys are compared as they are (case matters), a key that
// is there twice is refused where this parser and another could each take
// another one, and so is a batch. Values that do not matter are skipped, not
// decoded: the SDK does that, and refuses what is malformed in them. The tool
// checks its scope once more.
func parseMessage(body []byte) (message, error) {
	var m message
	if !utf8.Valid(body) {
		return m, errNotJSON
	}
	p := parser{text: body}
	if p.next() == '[' {
		return m, errNotObject
	}
	var id, method, params []byte
	err := p.object(func(key string, value []byte) {
		switch key {
		case "id":
			id = value
		case "method":
			method = value
		case "params":
			params = value
		}
	})
	if err != nil {
		return m, err
	}
	if p.next(); p.at < len(body) {
		return m, errNotJSON // something comes after the message
	}
	if m.id, err = requestID(id); err != nil {
		return m, err
	}
	if method == nil { // a response: the SDK decides
		return m, nil
	}
	if m.method, err = text(method); err != nil {
		return m, err
	}
	if m.method != methodCall || len(params) == 0 || params[0] != '{' {
		return m, nil
	}
	return m, m.readTool(params)
}

const methodCall = "tools/call"

func (m *message) readTool(params []byte) error {
	var name []byte
	p := parser{text: params}
	err := p.object(func(key string, value []byte) {
		if key == "name" {
			name = value
		}
	})
	if err != nil || name == nil {
		return err
	}
	m.tool, err = text(name)
	return err
}

// requestID returns the raw id: error answers repeat it. Of numbers, the SDK
// keeps 64 bits and no fraction; an answer to 1.5 with the id 1 would find
// nobody who waits for it. null is no id, which is for the SDK to refuse.
func requestID(raw []byte) (string, error) {
	if raw == nil || string(raw) == "null" {
		return "", nil
	}
	if raw[0] == '"' && json.Valid(raw) {
		if len(raw) > maxID {
			return "", nil
		}
		return string(raw), nil
	}
	if _, err := strconv.ParseInt(string(raw), 10, 64); err != nil || !json.Valid(raw) {
		return "", errID
	}
	return string(raw), nil
}

// text decodes a JSON string.
func text(raw []byte) (string, error) {
	if raw[0] != '"' {
		return "", errNotString
	}
	for _, c := range raw {
		if c == '\\' {
			var s string
			if json.Unmarshal(raw, &s) != nil {
				return "", errNotJSON
			}
			return s, nil
		}
	}
	return string(raw[1 : len(raw)-1]), nil
}

// parser walks over JSON without decoding it.
type parser struct {
	text []byte
	at   int
}

// next skips white space and returns the byte that follows, without taking it;
// 0 at the end.
func (p *parser) next() byte {
	for p.at < len(p.text) {
		switch c := p.text[p.at]; c {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return c
		}
	}
	return 0
}

// object calls each for every key of the object that comes next.
func (p *parser) object(each func(key string, value []byte)) error {
	if p.next() != '{' {
		return errNotJSON
	}
	p.at++
	var few [8]string
	keys := few[:0]
	for first := true; ; first = false {
		switch c := p.next(); {
		case c == '}':
			p.at++
			return nil
		case c == ',' && !first:
			p.at++
		case !first:
			return errNotJSON
		}
		if p.next() != '"' {
			return errNotJSON
		}
		raw, err := p.string()
		if err != nil {
			return err
		}
		key, err := text(raw)
		if err != nil {
			return err
		}
		if slices.Contains(keys, key) {
			return errDuplicate
		}
		if len(keys) == maxKeys {
			return errCrowded
		}
		keys = append(keys, key)
		if p.next() != ':' {
			return errNotJSON
		}
		p.at++
		value, err := p.value()
		if err != nil {
			return err
		}
		each(key, value)
	}
}

// string takes the string that comes next, with its quotes.
func (p *parser) string() ([]byte, error) {
	start := p.at
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '\\':
			p.at++
		case c == '"':
			p.at++
			return p.text[start:p.at], nil
		case c < ' ':
			return nil, errNotJSON
		}
	}
	return nil, errNotJSON
}

// value takes the value that comes next, whatever is in it.
func (p *parser) value() ([]byte, error) {
	p.next()
	start := p.at
	depth := 0
	for p.at < len(p.text) {
		switch c := p.text[p.at]; c {
		case '"':
			if _, err := p.string(); err != nil {
				return nil, err
			}
		case '{', '[':
			depth++
			p.at++
		case '}', ']':
			if depth == 0 {
				return p.taken(start)
			}
			depth--
			p.at++
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return p.taken(start)
			}
			p.at++
			continue
		default:
			p.at++
			continue
		}
		if depth == 0 { // a string or a bracket has ended the value
			return p.taken(start)
		}
	}
	return nil, errNotJSON
}

func (p *parser) taken(start int) ([]byte, error) {
	if start == p.at {
		return nil, errNotJSON
	}
	return p.text[start:p.at], nil
}
