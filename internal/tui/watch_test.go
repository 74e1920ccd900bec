package tui_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

func (s *session) Subscribe(_ context.Context, uri string) error {
	s.heard("subscribe " + uri)
	return s.renewErr
}

func (s *session) Unsubscribe(_ context.Context, uri string) error {
	s.heard("unsubscribe " + uri)
	return s.renewErr
}

// hear is what the client has heard of the server.
func (s *stage) hear(news ...client.News) {
	for _, each := range news {
		s.news.Tell(each)
	}
	s.settle()
}

const notes = "file:///notes.txt"

// row is the line of the screen with a text.
func (s *stage) row(text string) string {
	for line := range strings.Lines(s.frame()) {
		if strings.Contains(line, text) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func TestWatch(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.press("2")
		s.see("w watch")
		s.press("w")
		s.see("you will hear when notes.txt changes", "Notes  watched", "w stop watching")
		s.press("1")
		s.hear(client.News{Kind: client.NewsResource, URI: notes})
		s.see("notes.txt has changed")
		s.press("2")
		s.see("Notes  watched, changed")
		s.press("w")
		s.see("you will not hear of notes.txt any more", "w watch")
		if s.m.View(); strings.Contains(s.frame(), "watched") {
			t.Errorf("still watched:\n%s", s.frame())
		}
		s.hear(client.News{Kind: client.NewsResource, URI: "\x1b[2Jother"})
		s.see("␛[2Jother has changed")
		s.press("G", "w") // a template
		s.session.renewErr = &client.Error{Message: "too many"}
		s.press("g", "w")
		s.see("notes.txt cannot be watched: too many", "w watch")
		if want := []string{"subscribe " + notes, "unsubscribe " + notes, "subscribe " + notes}; !slices.Equal(s.session.calls, want) {
			t.Errorf("%q, want %q", s.session.calls, want)
		}
	})
}

// TestWatchStays: what cannot be ended goes on.
func TestWatchStays(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.press("2", "w")
		s.session.renewErr = &client.Error{Message: "not now"}
		s.press("w")
		s.see("notes.txt is still watched: not now", "Notes  watched", "w stop watching")
	})
}

// TestChangedUntilRead: a change is marked until the new version is read.
func TestChangedUntilRead(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.press("2", "w")
		if row := s.row("› notes.txt"); !strings.Contains(row, " w ") {
			t.Errorf("the list does not mark what is watched: %s", row)
		}
		s.hear(client.News{Kind: client.NewsResource, URI: notes, Missed: true})
		s.see("watching notes.txt again; it may have changed meanwhile", "watched, may have changed")
		if row := s.row("› notes.txt"); !strings.Contains(row, "changed?") {
			t.Errorf("the list does not mark what may have changed: %s", row)
		}
		s.hear(client.News{Kind: client.NewsResource, URI: notes})
		s.hear(client.News{Kind: client.NewsResource, URI: notes, Missed: true})
		s.see("Notes  watched, changed")
		s.press("enter")
		s.see("Buy milk.")
		s.hear(client.News{Kind: client.NewsResource, URI: notes})
		s.press("esc")
		s.see("watched, changed")
		s.press("enter", "esc")
		if row := s.row("› notes.txt"); strings.Contains(row, "changed") || !strings.Contains(row, " w ") {
			t.Errorf("it was read: %s", row)
		}
		if want := []string{"subscribe " + notes, "read " + notes, "read " + notes}; !slices.Equal(s.session.calls, want) {
			t.Errorf("%q, want %q", s.session.calls, want)
		}
	})
}

// TestUnwatched: the server does not tell any more.
func TestUnwatched(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.press("2", "w")
		s.hear(client.News{Kind: client.NewsUnwatched, URI: notes, Err: &client.Error{Message: "it answered: gone"}})
		s.see("notes.txt is not watched any more: it answered: gone", "w watch")
		s.press("6")
		s.see("notes.txt is not watched any more")
	})
}

// TestNewsOnce: what is told a thousand times is taken once, and a change outdoes a doubt.
func TestNewsOnce(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.press("2", "w")
		for range 1000 {
			s.news.Tell(client.News{Kind: client.NewsResource, URI: notes})
			s.news.Tell(client.News{Kind: client.NewsResource, URI: notes, Missed: true})
		}
		s.settle()
		s.press("6")
		s.hear(client.News{Kind: client.NewsResource, URI: notes}) // as is known
		if n := strings.Count(s.frame(), "has changed"); n != 1 || strings.Contains(s.frame(), "may have") {
			t.Errorf("%d times:\n%s", n, s.frame())
		}
	})
}

// TestNewsAreBounded: a server that names endless resources fills nothing.
func TestNewsAreBounded(t *testing.T) {
	t.Parallel()
	news := tui.NewNews()
	for i := range 20_000 {
		news.Tell(client.News{Kind: client.NewsResource, URI: strings.Repeat("x", i)})
	}
	if count, bytes := news.Held(); count > 500 || bytes > 4<<20 {
		t.Errorf("%d news of %d bytes", count, bytes)
	}
}

// TestNewsKeepAPace: the first come at once, and however many follow, the screen is drawn for them
// some times a second.
func TestNewsKeepAPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		news := tui.NewNews()
		began := time.Now()
		for range 3 {
			news.Tell(toolsChanged)
			news.Tell(client.News{Kind: client.NewsPrompts})
			if n := tui.HearNews(t.Context(), news); n != 2 {
				t.Errorf("%d news", n)
			}
		}
		if took := time.Since(began); took != 100*time.Millisecond {
			t.Errorf("three times in %s", took)
		}
	})
}

// TestWatchOfAnother: what comes of a watch after its user has left is nobody's.
func TestWatchOfAnother(t *testing.T) {
	t.Parallel()
	set := known()
	set.resources = resources()
	play(t, setting{session: set}, func(s *stage) {
		s.settle()
		s.press("2")
		_, watch := s.m.Update(keyNamed("w"))
		s.press("5", "o", "y")
		s.see("signed out")
		s.send(watch())
		s.settle()
		if strings.Contains(s.frame(), "you will hear") {
			t.Errorf("somebody hears of it:\n%s", s.frame())
		}
		s.press("2")
		s.see("Notes")
		if strings.Contains(s.frame(), "watched") {
			t.Errorf("it is watched:\n%s", s.frame())
		}
	})
}

// TestMarksOfWhatIsGone: the marks of resources go with these, however many a server has had.
func TestMarksOfWhatIsGone(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.press("2", "down", "w")
		for range 5 {
			s.session.resources = append(resources()[1:2], client.Resource{URI: "file:///" + s.now.String(), Name: "new"})
			s.press("r")
			s.hear(client.News{Kind: client.NewsResource, URI: s.session.resources[1].URI})
			s.now = s.now.Add(time.Minute)
		}
		s.session.resources = resources()
		s.press("r")
		if over := s.m.Overgrown(); over != "" || s.m.Watches() != 1 {
			t.Errorf("%d watches, want that of what is watched", s.m.Watches())
		}
	})
}
