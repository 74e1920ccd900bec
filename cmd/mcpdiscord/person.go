package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// person is somebody with a browser, played by the program: demo and the tests
// sign in with it. It follows links and redirects, approves or denies on the
// consent page, and chooses a user (or none) at the emulator.
type person struct {
	deny   bool   // on the consent page
	user   string // the button at the emulator; "" denies there
	client *http.Client
}

func newPerson(deny bool, user string, transport http.RoundTripper) *person {
	jar, err := cookiejar.New(nil)
	if err != nil { // never: it has no options that can be wrong
		panic(err)
	}
	return &person{deny: deny, user: user, client: &http.Client{Jar: jar, Transport: transport}}
}

// visit opens a URL and goes on until a page has neither form nor button: the
// last page, which is the client's own.
func (v *person) visit(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	const pages = 5 // consent, the emulator, and the client's
	for range pages {
		response, err := v.client.Do(request)
		if err != nil {
			return err
		}
		form, err := readForm(response)
		if err != nil {
			return err
		}
		if form != nil && form.link != nil {
			if request, err = http.NewRequestWithContext(ctx, http.MethodGet, form.link.String(), nil); err != nil {
				return err
			}
			continue
		}
		if form == nil {
			if response.StatusCode >= 400 {
				return fmt.Errorf("%s answered %s", response.Request.URL.Path, response.Status)
			}
			return nil
		}
		if request, err = v.answer(ctx, form); err != nil {
			return err
		}
	}
	return errors.New("the sign-in has too many pages")
}

// answer fills in one of the two forms of a sign-in.
func (v *person) answer(ctx context.Context, f *form) (*http.Request, error) {
	switch {
	case f.buttons["decision"]:
		decision := "approve"
		if v.deny {
			decision = "deny"
		}
		f.values.Set("decision", decision)
	case f.buttons["user"]:
		f.values.Set("user", v.user)
	default:
		return nil, fmt.Errorf("the form at %s is not one of a sign-in", f.action.Path)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, f.action.String(), strings.NewReader(f.values.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", f.action.Scheme+"://"+f.action.Host)
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return request, nil
}

// form is the first form of a page, or its one button that is a link.
type form struct {
	link    *url.URL // nil: it is a form
	action  *url.URL
	values  url.Values // of the hidden fields
	buttons map[string]bool
}

// readForm reads a page and closes it; a page without one yields nil.
func readForm(response *http.Response) (*form, error) {
	defer response.Body.Close()
	tokens := html.NewTokenizer(io.LimitReader(response.Body, 1<<20))
	var f *form
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			if err := tokens.Err(); !errors.Is(err, io.EOF) {
				return nil, err
			}
			return f, nil
		case html.StartTagToken, html.SelfClosingTagToken:
			tag := tokens.Token()
			attributes := map[string]string{}
			for _, a := range tag.Attr {
				attributes[a.Key] = a.Val
			}
			switch {
			case tag.Data == "form" && f == nil:
				action, err := response.Request.URL.Parse(attributes["action"])
				if err != nil {
					return nil, err
				}
				f = &form{action: action, values: url.Values{}, buttons: map[string]bool{}}
			case tag.Data == "a" && attributes["class"] == "button" && f == nil:
				link, err := response.Request.URL.Parse(attributes["href"])
				if err != nil {
					return nil, err
				}
				f = &form{link: link}
			case f == nil || f.link != nil:
			case tag.Data == "input" && attributes["type"] == "hidden":
				f.values.Set(attributes["name"], attributes["value"])
			case tag.Data == "button":
				f.buttons[attributes["name"]] = true
			}
		}
	}
}
