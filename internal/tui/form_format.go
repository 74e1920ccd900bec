package tui

import (
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// like shows how a value of a format looks; "": the format is not checked.
func like(format string) string {
	switch format {
	case "date":
		return "YYYY-MM-DD"
	case "time":
		return "hh:mm:ssZ"
	case "date-time":
		return "YYYY-MM-DDThh:mm:ssZ"
	case "email":
		return "name@example.com"
	case "uri":
		return "https://example.com/"
	case "uuid":
		return "123e4567-e89b-12d3-a456-426614174000"
	case "ipv4":
		return "192.0.2.1"
	case "ipv6":
		return "2001:db8::1"
	}
	return ""
}

// wrongFormat says what a text of a format should look like; "": it does, or nobody knows.
func wrongFormat(format, text string) string {
	valid := true
	switch format {
	case "date", "time", "date-time":
		_, err := time.Parse(layout(format), strings.ToUpper(text))
		valid = err == nil
	case "email":
		at := strings.LastIndexByte(text, '@')
		valid = at > 0 && at < len(text)-1 && !strings.ContainsAny(text, " \t\r\n")
	case "uri":
		u, err := url.Parse(text)
		valid = err == nil && u.IsAbs()
	case "uuid":
		valid = isUUID(text)
	case "ipv4", "ipv6":
		ip, err := netip.ParseAddr(text)
		valid = err == nil && ip.Is4() == (format == "ipv4") && ip.Zone() == ""
	}
	if valid {
		return ""
	}
	noun := "a " + format
	if strings.ContainsAny(format[:1], "aei") {
		noun = "an " + format
	}
	return "not " + noun + " like " + like(format)
}

// layout is that of RFC 3339 for a format, which JSON Schema's are; "": it is not of time.
func layout(format string) string {
	switch format {
	case "date":
		return "2006-01-02"
	case "time":
		return "15:04:05Z07:00"
	case "date-time":
		return time.RFC3339
	}
	return ""
}

func isUUID(text string) bool {
	for i, r := range text {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (r == '-') || !dash && !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			return false
		}
	}
	return len(text) == 36
}

// step moves the part of a date or a time that stands at offset pos by n, and fills in the present
// where there is nothing yet.
func step(format, text string, pos, n int, now time.Time) (string, bool) {
	if layout(format) == "" {
		return "", false
	}
	if text == "" {
		return now.UTC().Format(layout(format)), true
	}
	at, err := time.Parse(layout(format), strings.ToUpper(text))
	if err != nil {
		return "", false
	}
	if format == "time" {
		pos += len("2006-01-02T")
	}
	switch {
	case pos <= 4:
		at = at.AddDate(n, 0, 0)
	case pos <= 7:
		at = at.AddDate(0, n, 0)
	case pos <= 10:
		at = at.AddDate(0, 0, n)
	case pos <= 13:
		at = at.Add(time.Duration(n) * time.Hour)
	default:
		at = at.Add(time.Duration(n) * time.Minute)
	}
	if at.Year() < 0 || at.Year() > 9999 {
		return "", false
	}
	return at.Format(layout(format)), true
}
