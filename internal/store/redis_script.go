package store

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// luaScript is a script and the hash by which Redis remembers it.
type luaScript struct{ source, hash string }

func newScript(source string) *luaScript {
	return &luaScript{source: source, hash: redis.NewScript(source).Hash()}
}

// sweepLua drops expired entries: it needs ids, expiry, to (milliseconds),
// prefix and n. Keys that it makes share the tag, and so the slot, of KEYS.
const sweepLua = `
for _, due in ipairs(redis.call('ZRANGEBYSCORE', expiry, '-inf', to, 'LIMIT', 0, n)) do
  redis.call('DEL', prefix .. due)
  redis.call('ZREM', ids, due)
  redis.call('ZREM', expiry, due)
end
`

// swapScript replaces what is stored (ARGV[2]) if it is as it was seen (ARGV[1])
// or if that has been done already and its answer was lost. It returns 1, or
// what is stored instead. It announces a change before anyone can see the
// answer.
var swapScript = newScript(`
local ids, expiry, id, ttl, score = KEYS[2], KEYS[3], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local to, prefix, n = ARGV[6], ARGV[7], ARGV[8]
local now = redis.call('GET', KEYS[1]) or ''
if now == ARGV[2] then return 1 end
if now ~= ARGV[1] then return now end
` + sweepLua + `
if ttl > 0 then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[4])
else
  redis.call('SET', KEYS[1], ARGV[2])
end
if string.sub(ARGV[2], 1, 1) == '+' then
  redis.call('ZADD', ids, 0, id)
else
  redis.call('ZREM', ids, id)
end
if score ~= '' then
  redis.call('ZADD', expiry, score, id)
else
  redis.call('ZREM', expiry, id)
end
redis.call('PUBLISH', ARGV[9], ARGV[10])
return 1
`)

// listScript returns ids and what is stored under them in turn, and before them
// the last id, where there are more.
var listScript = newScript(`
local ids, expiry, to, prefix, n = KEYS[1], KEYS[2], ARGV[4], ARGV[5], ARGV[6]
` + sweepLua + `
local most, room = tonumber(ARGV[2]), tonumber(ARGV[3])
local found = redis.call('ZRANGEBYLEX', ids, ARGV[1], '+', 'LIMIT', 0, most + 1)
local out = {''}
for i, id in ipairs(found) do
  if i > most or room <= 0 then
    out[1] = '(' .. found[i - 1]
    break
  end
  local stored = redis.pcall('GET', prefix .. id) or ''
  if type(stored) ~= 'string' then
    stored = '?'
  end
  room = room - string.len(stored)
  out[#out + 1] = id
  out[#out + 1] = stored
end
return out
`)

// incrScript counts in a window that ends at the first 19 digits of the value.
var incrScript = newScript(`
local was = redis.call('GET', KEYS[1])
if was and string.sub(was, 1, 19) > ARGV[1] then
  local n = tonumber(string.sub(was, 20)) + 1
  redis.call('SETRANGE', KEYS[1], 19, string.format('%.0f', n))
  return n
end
redis.call('SET', KEYS[1], ARGV[2] .. '1', 'PX', ARGV[3])
return 1
`)

// List implements [authserver.Store], in one round trip for a page.
func (r *redisStore) List(ctx context.Context, kind authserver.Kind, cursor string) (entries []authserver.Entry, next string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	tag, from := r.prefix+":{"+string(kind)+"}:", "-"
	if cursor != "" {
		from = "(" + cursor
	}
	for {
		from, entries, err = r.page(ctx, tag, from)
		if err != nil || len(entries) > 0 || from == "" { // else nothing but what has expired
			break
		}
	}
	if err != nil {
		return nil, "", failed(ctx, "reading store", err)
	}
	if from != "" {
		next = from[1:]
	}
	return entries, next, nil
}

// page reads what lives among some ids.
func (r *redisStore) page(ctx context.Context, tag, from string) (next string, entries []authserver.Entry, err error) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, _, err := r.run(call, listScript, []string{tag + "ids", tag + "expiry"},
		from, pageSize, pageBytes, millis(r.now().Add(-expirySlack)), tag+"r:", pageSize)
	if err != nil {
		return "", nil, err
	}
	list, err := texts(answer)
	if err != nil || len(list)%2 == 0 {
		return "", nil, errors.New("strange answer")
	}
	for i := 1; i < len(list); i += 2 {
		rec, err := r.live(list[i+1])
		switch {
		case err != nil:
			entries = append(entries, authserver.Entry{ID: list[i], Err: err})
		case rec != nil:
			entries = append(entries, authserver.Entry{ID: list[i], Record: *rec})
		}
	}
	return list[0], entries, nil
}

func texts(answer any) ([]string, error) {
	items, ok := answer.([]any)
	if !ok {
		return nil, errors.New("strange answer")
	}
	list := make([]string, len(items))
	for i, item := range items {
		if list[i], ok = item.(string); !ok {
			return nil, errors.New("strange answer")
		}
	}
	return list, nil
}

// once is a command that the library sends once: whether it is sent again is
// for us to say, who must know of it.
type once struct{ *redis.Cmd }

// NoRetry implements [redis.Cmder].
func (once) NoRetry() bool { return true }

// run runs a script, and runs it again where its answer did not come. unsure
// means that an earlier run may have taken place.
func (r *redisStore) run(ctx context.Context, script *luaScript, keys []string, args ...any) (answer any, unsure bool, err error) {
	send := func(name, what string) *redis.Cmd {
		all := append(make([]any, 0, 3+len(keys)+len(args)), name, what, strconv.Itoa(len(keys)))
		for _, key := range keys {
			all = append(all, key)
		}
		cmd := redis.NewCmd(ctx, append(all, args...)...)
		cmd.SetFirstKeyPos(3)
		_ = r.client.Process(ctx, once{cmd})
		return cmd
	}
	err = r.again(ctx, func() error {
		cmd := send("evalsha", script.hash)
		if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") { // a new or restarted Redis
			cmd = send("eval", script.source)
		}
		answer, err = cmd.Result()
		unsure = unsure || err != nil && !refused(err) && !unsent(err)
		return err
	})
	return answer, unsure, err
}

// again does a command twice where its answer does not come: the connection may
// be of a Redis that is no more.
func (r *redisStore) again(ctx context.Context, do func() error) error {
	err := do()
	r.lookAround(err)
	if err == nil || refused(err) && !redis.HasErrorPrefix(err, "LOADING") || errors.Is(err, redis.ErrClosed) || ctx.Err() != nil {
		return err
	}
	if backOff(ctx, 5) != nil {
		return err
	}
	return do()
}

// lookAround asks a cluster who its masters are, where one of them has not
// answered. The library does so by itself once a minute, and where a master
// sends it on; one that is dead does not. It waits for nothing.
func (r *redisStore) lookAround(err error) {
	cluster, ok := r.client.(interface{ ReloadState(context.Context) })
	if !ok || err == nil || refused(err) || errors.Is(err, redis.ErrClosed) {
		return
	}
	now, last := time.Now().UnixNano(), r.looked.Load()
	if now-last >= int64(lookEvery) && r.looked.CompareAndSwap(last, now) {
		cluster.ReloadState(context.Background())
	}
}

// refused reports whether Redis itself said no: then nothing was done.
func refused(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer)
}

// unsent reports whether a command never left this process.
func unsent(err error) bool {
	var op *net.OpError
	return errors.Is(err, redis.ErrPoolTimeout) || errors.As(err, &op) && op.Op == "dial"
}
