package client

import (
	"bytes"
	"errors"
	"io"
	"syscall"
)

// tapped is a bounded body that keeps what was read.
type tapped struct {
	trace  *trace
	body   io.ReadCloser
	stream bool

	read     bytes.Buffer // guarded by trace.mu
	told     int          // how much of it trace.hear got
	searched int          // and how much holds no further end of a message
}

// Read implements io.Reader.
func (b *tapped) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		b.trace.half(err)
	}
	messages, hear, fits := b.take(p[:n])
	if !fits {
		return 0, errResultTooLarge
	}
	for _, message := range messages {
		hear(message)
	}
	return n, err
}

// take keeps what was read, and gives the messages of a stream that are whole
// now, where somebody listens.
func (b *tapped) take(p []byte) (messages [][]byte, hear func([]byte), fits bool) {
	b.trace.mu.Lock()
	defer b.trace.mu.Unlock()
	if b.trace.bytes += len(p); b.trace.bytes > maxResult {
		if b.trace.stopped == nil {
			b.trace.stopped = errResultTooLarge
		}
		return nil, nil, false
	}
	b.read.Write(p)
	if b.trace.hear == nil || !b.stream {
		return nil, nil, true
	}
	all := b.read.Bytes()
	if end := lastEnd(all[b.searched:]); end > 0 {
		end += b.searched
		messages = eventData(all[b.told:end])
		b.told, b.searched = end, end
	}
	b.searched = max(b.searched, len(all)-2) // an end may come in pieces
	return messages, b.trace.hear, true
}

// lastEnd is where the last whole event of a stream ends; 0: nowhere.
func lastEnd(stream []byte) int {
	end := 0
	for _, blank := range []string{"\n\n", "\n\r\n"} {
		if at := bytes.LastIndex(stream, []byte(blank)); at >= 0 {
			end = max(end, at+len(blank))
		}
	}
	return end
}

// Close implements io.Closer.
func (b *tapped) Close() error { return b.body.Close() }

// messages splits what was read into JSON texts.
func (b *tapped) messages() [][]byte {
	if !b.stream {
		return [][]byte{b.read.Bytes()}
	}
	return eventData(b.read.Bytes())
}

// eventData is the data of each event of a stream.
func eventData(stream []byte) [][]byte {
	var messages [][]byte
	var data []byte
	for line := range bytes.Lines(stream) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			if data != nil {
				messages = append(messages, data)
			}
			data = nil
			continue
		}
		if value, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			value = bytes.TrimPrefix(value, []byte(" "))
			if data != nil {
				data = append(data, '\n')
			}
			data = append(data, value...)
		}
	}
	if data != nil {
		messages = append(messages, data)
	}
	return messages
}
