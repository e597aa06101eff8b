// SPDX-License-Identifier: Apache-2.0

// Scenarios for nats.go against a running server; ../README.md has the list.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"nats-uring/tests/e2e/nats_go/must"
)

const (
	wait         = 10 * time.Second
	largePayload = 1 << 20
)

func connect(url string, options ...nats.Option) *nats.Conn {
	options = append(options, nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0), nats.MaxReconnects(500))
	if authority := os.Getenv("NATS_CA"); authority != "" {
		options = append(options, nats.RootCAs(authority))
	}
	if certificate := os.Getenv("NATS_CERT"); certificate != "" {
		options = append(options, nats.ClientCert(certificate, os.Getenv("NATS_KEY")))
	}
	if credentials := os.Getenv("NATS_CREDS"); credentials != "" {
		options = append(options, nats.UserCredentials(credentials))
	}
	if os.Getenv("NATS_NKEY") != "" {
		options = append(options, must.Get(nats.NkeyOptionFromSeed(os.Getenv("NATS_SEED"))))
	}
	if user := os.Getenv("NATS_USER"); user != "" {
		options = append(options, nats.UserInfo(user, os.Getenv("NATS_PASS")))
	}
	if token := os.Getenv("NATS_TOKEN"); token != "" {
		options = append(options, nats.Token(token))
	}
	if os.Getenv("NATS_COMPRESSION") != "" {
		options = append(options, nats.Compression(true))
	}
	return must.Get(nats.Connect(url, options...))
}

func subscribe(connection *nats.Conn, subject string) *nats.Subscription {
	subscription := must.Get(connection.SubscribeSync(subject))
	must.Succeed(connection.Flush())
	return subscription
}

func connects(url string) {
	connection := connect(url)
	defer connection.Close()
	must.Hold(connection.IsConnected(), "connected")
	must.Hold(connection.MaxPayload() == largePayload, "max_payload of INFO")
}

func publishSubscribe(url string) {
	sender, receiver := connect(url), connect(url)
	defer sender.Close()
	defer receiver.Close()
	subscription := subscribe(receiver, "go.plain")
	for i := range 1000 {
		must.Succeed(sender.Publish("go.plain", []byte(strconv.Itoa(i))))
	}
	for i := range 1000 {
		must.Hold(string(must.Get(subscription.NextMsg(wait)).Data) == strconv.Itoa(i), "messages in order")
	}
}

func wildcard(url string) {
	connection := connect(url)
	defer connection.Close()
	star := subscribe(connection, "go.wild.*.end")
	rest := subscribe(connection, "go.wild.>")
	must.Succeed(connection.Publish("go.wild.a.b", []byte("1")))
	must.Succeed(connection.Publish("go.wild.a.end", []byte("2")))
	must.Hold(string(must.Get(star.NextMsg(wait)).Data) == "2", "star")
	must.Hold(string(must.Get(rest.NextMsg(wait)).Data) == "1", "rest, first")
	must.Hold(string(must.Get(rest.NextMsg(wait)).Data) == "2", "rest, second")
}

func queueGroup(url string) {
	const messages = 300
	sender, receiver := connect(url), connect(url)
	defer sender.Close()
	defer receiver.Close()
	var members []*nats.Subscription
	for range 3 {
		members = append(members, must.Get(receiver.QueueSubscribeSync("go.queue", "group")))
	}
	must.Succeed(receiver.Flush())
	for range messages {
		must.Succeed(sender.Publish("go.queue", []byte("x")))
	}
	must.Succeed(sender.Flush())
	must.Succeed(receiver.Flush())
	total := 0
	for _, member := range members {
		share, _ := must2(member.Pending())
		must.Hold(share > 0, "every member gets a share")
		total += share
	}
	must.Hold(total == messages, "each message goes to one member")
}

func must2(messages, size int, err error) (int, int) {
	must.Succeed(err)
	return messages, size
}

func requestReply(url string) {
	server, client := connect(url), connect(url)
	defer server.Close()
	defer client.Close()
	must.Get(server.Subscribe("go.echo", func(request *nats.Msg) { _ = request.Respond(request.Data) }))
	must.Succeed(server.Flush())
	for i := range 100 {
		text := strconv.Itoa(i)
		must.Hold(string(must.Get(client.Request("go.echo", []byte(text), wait)).Data) == text, "reply")
	}
}

func headers(url string) {
	connection := connect(url)
	defer connection.Close()
	subscription := subscribe(connection, "go.headers")
	sent := nats.NewMsg("go.headers")
	sent.Header.Add("Key", "one")
	sent.Header.Add("Key", "two")
	sent.Data = []byte("body")
	must.Succeed(connection.PublishMsg(sent))
	got := must.Get(subscription.NextMsg(wait))
	must.Hold(slices.Equal(got.Header.Values("Key"), []string{"one", "two"}), "both values")
	must.Hold(string(got.Data) == "body", "body")
}

func noResponders(url string) {
	connection := connect(url)
	defer connection.Close()
	_, err := connection.Request("go.nobody", []byte("x"), wait)
	must.Hold(errors.Is(err, nats.ErrNoResponders), fmt.Sprint("no responders, but ", err))
}

func drain(url string) {
	const messages = 1000
	closed := make(chan struct{})
	sender := connect(url)
	defer sender.Close()
	receiver := connect(url, nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	var count atomic.Int32
	must.Get(receiver.Subscribe("go.drain", func(*nats.Msg) { count.Add(1) }))
	must.Succeed(receiver.Flush())
	for range messages {
		must.Succeed(sender.Publish("go.drain", []byte("x")))
	}
	must.Succeed(sender.Flush())
	must.Succeed(receiver.Drain())
	select {
	case <-closed:
	case <-time.After(wait):
		panic("drain does not end")
	}
	must.Hold(count.Load() == messages, "nothing is lost")
}

func largePayloads(url string) {
	connection := connect(url)
	defer connection.Close()
	subscription := subscribe(connection, "go.large")
	payload := make([]byte, largePayload)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	must.Succeed(connection.Publish("go.large", payload))
	must.Hold(bytes.Equal(must.Get(subscription.NextMsg(wait)).Data, payload), "payload unchanged")
}

func reconnect(url string) {
	reconnected := make(chan struct{}, 1)
	connection := connect(url, nats.ReconnectHandler(func(*nats.Conn) { reconnected <- struct{}{} }))
	defer connection.Close()
	subscription := subscribe(connection, "go.again")
	fmt.Println("RESTART")
	select {
	case <-reconnected:
	case <-time.After(wait):
		panic("no reconnect")
	}
	must.Succeed(connection.Publish("go.again", []byte("x")))
	must.Hold(string(must.Get(subscription.NextMsg(wait)).Data) == "x", "the subscription lives on")
}

func run(name string, scenario func(string), url string) (passed bool) {
	defer func() {
		if why := recover(); why != nil {
			fmt.Printf("FAIL %s: %v\n", name, why)
			return
		}
		fmt.Printf("PASS %s\n", name)
	}()
	scenario(url)
	return true
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: scenarios URL")
		os.Exit(2)
	}
	scenarios := []struct {
		name string
		run  func(string)
	}{
		{"connect", connects},
		{"publish_subscribe", publishSubscribe},
		{"wildcard", wildcard},
		{"queue_group", queueGroup},
		{"request_reply", requestReply},
		{"headers", headers},
		{"no_responders", noResponders},
		{"drain", drain},
		{"large_payload", largePayloads},
		{"reconnect", reconnect},
	}
	code := 0
	for _, scenario := range scenarios {
		if !run(scenario.name, scenario.run, os.Args[1]) {
			code = 1
		}
	}
	os.Exit(code)
}
