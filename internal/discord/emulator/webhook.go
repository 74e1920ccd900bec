package emulator

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

const (
	webhookTimeout    = 3 * time.Second
	maxDeliveries     = 4 // at once; more are lost
	eventDeauthorized = "APPLICATION_DEAUTHORIZED"
)

// webhook tells the application of events. Where Discord tries for minutes, it
// tries once, so that nothing is under way when a call has returned.
type webhook struct {
	application string
	key         ed25519.PrivateKey
	now         func() time.Time
	client      *http.Client
	slots       chan struct{}

	mu     sync.Mutex
	url    string // "": none
	report WebhookReport
}

// WebhookReport tells what became of the events.
type WebhookReport struct {
	Delivered   int    `json:"delivered"`              // answered with 204
	Failed      int    `json:"failed"`                 // lost
	LastFailure string `json:"last_failure,omitempty"` // of an event, in words
}

// webhookBody is Discord's: type 0 is a PING, 1 an event.
type webhookBody struct {
	Version       int           `json:"version"`
	ApplicationID string        `json:"application_id"`
	Type          int           `json:"type"`
	Event         *webhookEvent `json:"event,omitempty"`
}

type webhookEvent struct {
	Type      string `json:"type"`
	Timestamp string `json:"timestamp"`
	Data      any    `json:"data"`
}

func newWebhook(cfg Config) (*webhook, error) {
	h := &webhook{
		application: cfg.ClientID,
		key:         cfg.WebhookKey,
		now:         cfg.Now,
		url:         cfg.WebhookURL,
		slots:       make(chan struct{}, maxDeliveries),
		client: &http.Client{
			Timeout: webhookTimeout,
			// No proxy, and no redirect that leads off this machine.
			Transport:     &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if h.key == nil {
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			return nil, fmt.Errorf("making the webhook's key: %w", err)
		}
		h.key = key
	}
	if len(h.key) != ed25519.PrivateKeySize {
		return nil, errors.New("emulator: the webhook's key is no Ed25519 private key")
	}
	return h, checkWebhookURL(h.url)
}

func checkWebhookURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || text != "" && (u.Scheme != "http" && u.Scheme != "https" || !isLoopback(u.Hostname())) {
		return errors.New("emulator: a webhook's URL is http or https on loopback")
	}
	return nil
}

// WebhookPublicKey verifies the signatures of webhook requests. It is also the
// application's verify_key in GET /api/v10/oauth2/@me.
func (e *Emulator) WebhookPublicKey() ed25519.PublicKey {
	return e.webhook.key.Public().(ed25519.PublicKey)
}

// WebhookReport returns what became of the events so far.
func (e *Emulator) WebhookReport() WebhookReport {
	e.webhook.mu.Lock()
	defer e.webhook.mu.Unlock()
	return e.webhook.report
}

// SetWebhookURL changes Config.WebhookURL; "" ends the events. As Discord does
// it first sends a PING, which must be answered with 204, and the same with a
// wrong signature, which must be answered with 401.
func (e *Emulator) SetWebhookURL(ctx context.Context, text string) error {
	if err := checkWebhookURL(text); err != nil {
		return err
	}
	h := e.webhook
	if text != "" {
		ping := webhookBody{Version: 1, ApplicationID: h.application}
		if err := h.post(ctx, text, ping, http.StatusNoContent); err != nil {
			return fmt.Errorf("sending a PING: %w", err)
		}
		if err := h.post(ctx, text, ping, http.StatusUnauthorized); err != nil {
			return fmt.Errorf("sending a PING with a wrong signature: %w", err)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.url = text
	return nil
}

func (h *webhook) target() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.url
}

// send delivers an event, and counts what became of it.
func (h *webhook) send(ctx context.Context, event string, data any) error {
	target := h.target()
	if target == "" {
		return nil
	}
	err := h.post(ctx, target, webhookBody{
		Version: 1, ApplicationID: h.application, Type: 1,
		Event: &webhookEvent{event, h.now().UTC().Format("2006-01-02T15:04:05.000000"), data},
	}, http.StatusNoContent)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.report.Failed++
		h.report.LastFailure = err.Error()
		return err
	}
	h.report.Delivered++
	return nil
}

// post sends body and wants status; 401 is wanted of a wrong signature.
func (h *webhook) post(ctx context.Context, target string, body webhookBody, status int) error {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		return fmt.Errorf("there are %d deliveries at once already", maxDeliveries)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("writing the webhook's body: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("making the webhook's request: %w", err)
	}
	timestamp := strconv.FormatInt(h.now().Unix(), 10)
	signature := ed25519.Sign(h.key, append([]byte(timestamp), text...))
	if status == http.StatusUnauthorized {
		signature[0] ^= 1
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Discord-Webhook/1.0 (+https://discord.com)")
	r.Header.Set("X-Signature-Ed25519", hex.EncodeToString(signature))
	r.Header.Set("X-Signature-Timestamp", timestamp)
	resp, err := h.client.Do(r)
	if err != nil {
		return err // it names the method and the URL
	}
	_ = resp.Body.Close() // what it says does not matter
	if resp.StatusCode != status {
		return fmt.Errorf("the answer was %d, not %d", resp.StatusCode, status)
	}
	return nil
}
