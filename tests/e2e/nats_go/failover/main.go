// SPDX-License-Identifier: Apache-2.0

// nats.go in a cluster of three: it learns of the other servers, and goes to one of them when its own is gone.
// No request that was answered is lost, and none is answered by nobody. Usage and output are those of
// ../../nats_c/failover.cc.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	wait        = 20 * time.Second
	requestWait = time.Second
	requests    = 300
	attempts    = 60
)

func fail(scenario, why string) {
	fmt.Printf("FAIL %s: %s\n", scenario, why)
	os.Exit(1)
}

func await(event <-chan struct{}, scenario, what string) {
	select {
	case <-event:
	case <-time.After(wait):
		fail(scenario, what)
	}
}

func connect(url string, more ...nats.Option) *nats.Conn {
	options := append(more, nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0), nats.MaxReconnects(500))
	connection, err := nats.Connect(url, options...)
	if err != nil {
		fail("discovery", err.Error())
	}
	return connection
}

// request asks until it is answered: what was on its way when the server died may have to be asked again.
func request(connection *nats.Conn, text string) {
	err := errors.New("not asked")
	for i := 0; i < attempts && err != nil; i++ {
		if _, err = connection.Request("go.failover", []byte(text), requestWait); errors.Is(err, nats.ErrNoResponders) {
			time.Sleep(10 * time.Millisecond)
		}
	}
	if err != nil {
		fail("failover", "a request is answered in the end: "+err.Error())
	}
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: failover URL OTHER-URL")
		os.Exit(2)
	}
	found := make(chan struct{}, 100)
	reconnected := make(chan struct{}, 100)
	requestor := connect(os.Args[1],
		nats.DiscoveredServersHandler(func(*nats.Conn) { found <- struct{}{} }),
		nats.ReconnectHandler(func(*nats.Conn) { reconnected <- struct{}{} }))
	defer requestor.Close()
	responder := connect(os.Args[2])
	defer responder.Close()
	for len(requestor.DiscoveredServers()) < 2 {
		await(found, "discovery", "two more servers are discovered")
	}
	fmt.Println("PASS discovery")

	first := requestor.ConnectedUrl()
	var mutex sync.Mutex
	seen := map[string]bool{}
	if _, err := responder.Subscribe("go.failover", func(message *nats.Msg) {
		mutex.Lock()
		seen[string(message.Data)] = true
		mutex.Unlock()
		_ = message.Respond([]byte("done"))
	}); err != nil {
		fail("failover", err.Error())
	}
	if err := responder.Flush(); err != nil {
		fail("failover", err.Error())
	}
	for i := range requests {
		if i == requests/3 {
			fmt.Println("KILL")
		}
		if i == 2*requests/3 {
			await(reconnected, "failover", "reconnected")
		}
		text := strconv.Itoa(i)
		request(requestor, text)
		mutex.Lock()
		if !seen[text] {
			fail("failover", "what was answered had not arrived: "+text)
		}
		mutex.Unlock()
	}
	if requestor.ConnectedUrl() == first {
		fail("failover", "the same server serves")
	}
	fmt.Println("PASS failover")
}
