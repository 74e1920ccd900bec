package main

import (
	"encoding/json"
	"slices"

	"github.com/mcpdiscord/mcpdiscord/internal/schema"
)

// property is one argument of a tool, as far as its schema says.
type property struct {
	name        string
	schema      json.RawMessage // its own, as it stands in the tool's
	domain                      // which values it takes
	required    bool
	description string
	fallback    json.RawMessage // default
}

// domain is which values a schema allows, as far as can be seen at once.
type domain struct {
	types []string          // of JSON Schema; nil: anything
	free  []string          // those of types whose values are not listed one by one
	enum  []json.RawMessage // the values that are
}

// properties reads the arguments of a tool from its input schema, in the order
// of the wire, and whether these are all. What is odd in a schema is not known,
// and prevents nothing.
func properties(schema json.RawMessage) (list []property, closed bool) {
	return newSchemaView(schema).properties(schema)
}

// schemaView reads the schemas of one document.
type schemaView struct {
	document json.RawMessage
	left     int // bytes that are read before no more is known
}

// maxReading bounds that.
const maxReading = 8 << 20

func newSchemaView(document json.RawMessage) *schemaView {
	return &schemaView{document: document, left: maxReading}
}

func (v *schemaView) properties(schema json.RawMessage) (list []property, closed bool) {
	g := &gathering{view: v, index: map[string]int{}, closed: true}
	g.add(schema, true, maxRefs)
	named := len(g.list)
	for _, name := range g.required {
		if i, there := g.index[name]; there {
			g.list[i].required = true
		} else {
			g.index[name] = len(g.list)
			g.list = append(g.list, property{name: name, required: true})
		}
	}
	return g.list, isClosed(v.at(schema), named) && g.closed && v.left >= 0
}

// gathering collects the properties of a schema and of those that it is
// composed of.
type gathering struct {
	view     *schemaView
	list     []property
	index    map[string]int
	required []string
	closed   bool
}

// add takes the properties of one schema; of a branch that need not apply
// nothing is required.
func (g *gathering) add(raw json.RawMessage, applies bool, depth int) {
	own, known := g.view.keywords(raw), g.view.at(raw)
	if depth == 0 || known == nil {
		return
	}
	if own["$ref"] != nil && own["properties"] != nil {
		g.closed = false
		g.properties(own, applies)
	}
	g.properties(known, applies)
	for _, each := range schema.Children(known["allOf"]) {
		g.add(each, applies, depth-1)
	}
	for _, keyword := range []string{"anyOf", "oneOf"} {
		for _, each := range schema.Children(known[keyword]) {
			g.add(each, false, depth-1)
		}
	}
}

func (g *gathering) properties(known map[string]json.RawMessage, applies bool) {
	var required []string
	if json.Unmarshal(known["required"], &required) == nil && applies {
		g.required = append(g.required, required...)
	}
	names, values, _ := schema.Members(known["properties"])
	for i, name := range names {
		p := g.view.property(name, values[i])
		switch at, again := g.index[name]; {
		case !again:
			g.index[name] = len(g.list)
			g.list = append(g.list, p)
		case applies:
			g.list[at].domain = g.list[at].and(p.domain)
		default:
			g.list[at].domain = g.list[at].or(p.domain)
		}
	}
}

func (v *schemaView) property(name string, schema json.RawMessage) property {
	own, target := v.keywords(schema), v.at(schema)
	p := property{name: name, schema: schema, domain: v.domain(schema, maxRefs), fallback: own["default"]}
	if json.Unmarshal(own["description"], &p.description) != nil {
		_ = json.Unmarshal(target["description"], &p.description)
	}
	return p
}

// isClosed says whether a schema takes no other properties than the n that it
// names. Where it leaves that open, other names are mistakes.
func isClosed(top map[string]json.RawMessage, n int) bool {
	for _, keyword := range []string{"patternProperties", "allOf", "anyOf", "oneOf", "if", "dependentSchemas"} {
		if _, there := top[keyword]; there {
			return false
		}
	}
	more, there := top["additionalProperties"]
	return string(more) == "false" || !there && n > 0
}

// maxRefs bounds how many schemas lead to another one.
const maxRefs = 8

// keywords are those of a schema, as long as something is left to read; nil for
// what is none.
func (v *schemaView) keywords(raw json.RawMessage) schema.Node {
	if v.left -= len(raw); v.left < 0 {
		return nil
	}
	return schema.Parse(raw)
}

// at is a schema after its references to others in the same document.
func (v *schemaView) at(raw json.RawMessage) schema.Node {
	for range maxRefs {
		known := v.keywords(raw)
		ref := known.Text("$ref")
		if ref == "" {
			return known
		}
		v.left -= len(v.document)
		if raw = schema.At(v.document, ref); raw == nil {
			return known
		}
	}
	return nil
}

// domain is what a schema allows: what it says itself and all of allOf and one
// of anyOf or oneOf.
func (v *schemaView) domain(raw json.RawMessage, depth int) domain {
	known := v.at(raw)
	if depth == 0 || known == nil {
		return domain{}
	}
	d := ownDomain(known)
	for _, each := range schema.Children(known["allOf"]) {
		d = d.and(v.domain(each, depth-1))
	}
	for _, keyword := range []string{"anyOf", "oneOf"} {
		var either domain
		for i, each := range schema.Children(known[keyword]) {
			if one := v.domain(each, depth-1); i == 0 {
				either = one
			} else {
				either = either.or(one)
			}
		}
		d = d.and(either)
	}
	if known.Nullable() && d.types != nil && !slices.Contains(d.types, "null") {
		d = d.or(domain{types: []string{"null"}, free: []string{"null"}})
	}
	return d
}

// ownDomain is what type, enum and const of a schema allow.
func ownDomain(known map[string]json.RawMessage) (d domain) {
	var one string
	if json.Unmarshal(known["type"], &one) == nil && one != "" {
		d.types = []string{one}
	} else {
		_ = json.Unmarshal(known["type"], &d.types)
	}
	if slices.ContainsFunc(d.types, func(name string) bool { return !schema.IsType(name) }) {
		return domain{}
	}
	if len(d.types) == 0 {
		d.types = nil
	}
	_ = json.Unmarshal(known["enum"], &d.enum)
	if value, there := known["const"]; there {
		d.enum = []json.RawMessage{value}
	}
	if d.enum == nil {
		d.free = d.types
		return d
	}
	if d.types == nil {
		for _, choice := range d.enum {
			d.types = append(d.types, schema.TypeOf(choice))
		}
		slices.Sort(d.types)
		d.types = slices.Compact(d.types)
	}
	return d
}

// and is what both allow.
func (d domain) and(other domain) domain {
	switch {
	case d.types == nil:
		return other
	case other.types == nil:
		return d
	}
	both := domain{types: common(d.types, other.types), free: common(d.free, other.free), enum: d.enum}
	if both.enum == nil {
		both.enum = other.enum
	}
	if both.types == nil {
		return domain{} // nothing fits: the schema is odd
	}
	return both
}

// common are the types in both lists; an integer is a number.
func common(a, b []string) (both []string) {
	for _, t := range a {
		switch {
		case slices.Contains(b, t), t == "integer" && slices.Contains(b, "number"):
			both = append(both, t)
		case t == "number" && slices.Contains(b, "integer"):
			both = append(both, "integer")
		}
	}
	return both
}

// or is what one of the two allows.
func (d domain) or(other domain) domain {
	if d.types == nil || other.types == nil {
		return domain{}
	}
	return domain{union(d.types, other.types), union(d.free, other.free), slices.Concat(d.enum, other.enum)}
}

func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, t := range b {
		if !slices.Contains(all, t) {
			all = append(all, t)
		}
	}
	return all
}
