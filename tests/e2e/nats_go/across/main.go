// SPDX-License-Identifier: Apache-2.0

// nats.go between two clusters: messages in order, headers, answers that are quicker than the interest in them, queue
// groups with members in both.
//
// usage: across NEAR_URL FAR_URL
//
// Prints `PASS <scenario>` for each, or `FAIL <scenario>: <why>` and ends.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"nats-uring/tests/e2e/nats_go/must"
)

const (
	wait     = 10 * time.Second
	messages = 1000
	clients  = 50
	requests = 3
)

type ends struct {
	near, far *nats.Conn
	nearURL   string
}

// settle returns when what was subscribed at one end before is known at the other.
func settle(subscriber, publisher *nats.Conn, probe string) {
	subscription := must.Get(subscriber.SubscribeSync(probe))
	must.Succeed(subscriber.Flush())
	for end := time.Now().Add(wait); time.Now().Before(end); {
		must.Succeed(publisher.Publish(probe, nil))
		must.Succeed(publisher.Flush())
		_, err := subscription.NextMsg(20 * time.Millisecond)
		if err == nil {
			must.Succeed(subscription.Unsubscribe())
			return
		}
		must.Hold(errors.Is(err, nats.ErrTimeout), err.Error())
	}
	panic("the interest does not arrive")
}

func order(e ends) {
	for i, direction := range [][2]*nats.Conn{{e.near, e.far}, {e.far, e.near}} {
		from, to := direction[0], direction[1]
		subscription := must.Get(to.SubscribeSync("go.plain"))
		settle(to, from, "go.probe.plain."+strconv.Itoa(i))
		for n := range messages {
			must.Succeed(from.Publish("go.plain", []byte(strconv.Itoa(n))))
		}
		for n := range messages {
			must.Hold(string(must.Get(subscription.NextMsg(wait)).Data) == strconv.Itoa(n), "messages in order")
		}
		must.Succeed(subscription.Unsubscribe())
		must.Succeed(to.Flush())
	}
}

func headers(e ends) {
	subscription := must.Get(e.far.SubscribeSync("go.headers"))
	settle(e.far, e.near, "go.probe.headers")
	message := nats.NewMsg("go.headers")
	message.Header.Add("Key", "one")
	message.Header.Add("Key", "two")
	message.Data = []byte("body")
	must.Succeed(e.near.PublishMsg(message))
	got := must.Get(subscription.NextMsg(wait))
	values := got.Header.Values("Key")
	must.Hold(len(values) == 2 && values[0] == "one" && values[1] == "two", "headers unchanged")
	must.Hold(string(got.Data) == "body", "body unchanged")
}

// Each request comes from a connection of its own, whose inbox the other cluster cannot know yet.
func requestReply(e ends) {
	subscription := must.Get(e.far.Subscribe("go.echo", func(message *nats.Msg) { _ = message.Respond(message.Data) }))
	settle(e.far, e.near, "go.probe.echo")
	for i := range clients {
		client := must.Get(nats.Connect(e.nearURL))
		for j := range requests {
			text := strconv.Itoa(10*i + j)
			must.Hold(string(must.Get(client.Request("go.echo", []byte(text), wait)).Data) == text, "reply")
		}
		client.Close()
	}
	must.Succeed(subscription.Unsubscribe())
}

func pending(subscription *nats.Subscription) int {
	count, _, err := subscription.Pending()
	must.Succeed(err)
	return count
}

func queueGroup(e ends) {
	near := must.Get(e.near.QueueSubscribeSync("go.queue", "group"))
	must.Succeed(e.near.Flush())
	far := must.Get(e.far.QueueSubscribeSync("go.queue", "group"))
	settle(e.far, e.near, "go.probe.queue")
	for range messages {
		must.Succeed(e.near.Publish("go.queue", nil))
	}
	must.Succeed(e.near.Flush())
	for range messages {
		must.Get(near.NextMsg(wait))
	}
	must.Hold(pending(near) == 0, "each message once")
	must.Hold(pending(far) == 0, "the own cluster comes first")
	must.Succeed(near.Unsubscribe())
	must.Succeed(e.near.Flush())
	for n := range messages {
		must.Succeed(e.near.Publish("go.queue", []byte(strconv.Itoa(n))))
	}
	for n := range messages {
		must.Hold(string(must.Get(far.NextMsg(wait)).Data) == strconv.Itoa(n), "the other cluster, in order")
	}
	settle(e.far, e.near, "go.probe.end")
	must.Hold(pending(far) == 0, "each message once")
}

func noResponders(e ends) {
	_, err := e.near.Request("go.nobody", nil, wait)
	must.Hold(errors.Is(err, nats.ErrNoResponders), fmt.Sprint("no responders, not ", err))
}

func run(name string, scenario func(ends), e ends) {
	defer func() {
		if why := recover(); why != nil {
			fmt.Printf("FAIL %s: %v\n", name, why)
			os.Exit(1)
		}
	}()
	scenario(e)
	fmt.Printf("PASS %s\n", name)
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: across NEAR_URL FAR_URL")
		os.Exit(2)
	}
	e := ends{near: must.Get(nats.Connect(os.Args[1])), far: must.Get(nats.Connect(os.Args[2])), nearURL: os.Args[1]}
	run("order", order, e)
	run("headers", headers, e)
	run("request_reply", requestReply, e)
	run("queue_group", queueGroup, e)
	run("no_responders", noResponders, e)
}
