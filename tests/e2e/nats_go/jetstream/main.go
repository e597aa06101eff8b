// SPDX-License-Identifier: Apache-2.0

// JetStream with nats.go, through a server that has none beside others that have it.
//
// usage: jetstream URL COUNT
//
// Publishes COUNT messages, consumes them by pull and by callback, and watches a key-value bucket. Every delivery is
// acknowledged and must be the first one. Prints a line of PASS for each part.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"nats-uring/tests/e2e/nats_go/must"
)

const (
	wait  = time.Minute
	retry = 100 * time.Millisecond
	keys  = 50
)

func acknowledge(message jetstream.Msg) {
	about := must.Get(message.Metadata())
	must.Hold(strings.HasPrefix(message.Subject(), "orders."), "subject "+message.Subject())
	must.Hold(about.NumDelivered == 1, "delivered again")
	must.Succeed(message.Ack())
}

// create waits until the cluster's leader knows three servers that can take the stream.
func create(ctx context.Context, js jetstream.JetStream) jetstream.Stream {
	config := jetstream.StreamConfig{Name: "GO_ORDERS", Subjects: []string{"orders.>"}, Replicas: 3}
	for {
		stream, err := js.CreateStream(ctx, config)
		if err == nil || ctx.Err() != nil {
			return must.Get(stream, err)
		}
		fmt.Println("once more:", err)
		time.Sleep(retry)
	}
}

func publish(js jetstream.JetStream, count int) {
	// The other servers write to disk, and elect leaders: both may take longer than the client waits of itself.
	patience := []jetstream.PublishOpt{
		jetstream.WithStallWait(wait), jetstream.WithRetryWait(retry), jetstream.WithRetryAttempts(int(wait / retry)),
	}
	for i := range count {
		must.Get(js.PublishAsync("orders."+strconv.Itoa(i%7), []byte(strconv.Itoa(i)), patience...))
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-time.After(wait):
		panic("not all was acknowledged")
	}
	fmt.Println("PASS publish")
}

func pull(ctx context.Context, stream jetstream.Stream, count int) {
	consumer := must.Get(stream.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "go_pull", AckPolicy: jetstream.AckExplicitPolicy}))
	for done := 0; done < count; {
		size := 100
		if done == 0 {
			size = 1
		}
		batch := must.Get(consumer.Fetch(size))
		for message := range batch.Messages() {
			acknowledge(message)
			done++
		}
		// A leader may be announced before all servers know its subjects; until then it does not respond.
		if done == 0 && errors.Is(batch.Error(), nats.ErrNoResponders) && ctx.Err() == nil {
			time.Sleep(retry)
			continue
		}
		must.Succeed(batch.Error())
	}
	fmt.Println("PASS pull")
}

func consume(ctx context.Context, stream jetstream.Stream, count int) {
	consumer := must.Get(stream.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "go_consume", AckPolicy: jetstream.AckExplicitPolicy}))
	arrived := make(chan struct{}, count)
	reading := must.Get(consumer.Consume(func(message jetstream.Msg) {
		acknowledge(message)
		arrived <- struct{}{}
	}))
	defer reading.Stop()
	for range count {
		select {
		case <-arrived:
		case <-ctx.Done():
			panic("not all came")
		}
	}
	fmt.Println("PASS consume")
}

func watch(ctx context.Context, js jetstream.JetStream) {
	bucket := must.Get(js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "go_bucket", Replicas: 3}))
	watcher := must.Get(bucket.WatchAll(ctx))
	defer watcher.Stop()
	for i := range keys {
		must.Get(bucket.PutString(ctx, fmt.Sprintf("key%d", i), "value"))
	}
	for seen := 0; seen < keys; {
		select {
		case update := <-watcher.Updates():
			if update == nil {
				continue
			}
			must.Hold(update.Key() == fmt.Sprintf("key%d", seen), "update of "+update.Key())
			seen++
		case <-ctx.Done():
			panic("not all updates came")
		}
	}
	fmt.Println("PASS watch")
}

func main() {
	count := must.Get(strconv.Atoi(os.Args[2]))
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	connection := must.Get(nats.Connect(os.Args[1]))
	defer connection.Close()
	refused := func(_ jetstream.JetStream, message *nats.Msg, err error) { panic(message.Subject + ": " + err.Error()) }
	js := must.Get(jetstream.New(connection, jetstream.WithPublishAsyncMaxPending(256),
		jetstream.WithPublishAsyncErrHandler(refused)))
	stream := create(ctx, js)
	publish(js, count)
	pull(ctx, stream, count)
	consume(ctx, stream, count/10)
	watch(ctx, js)
	about := must.Get(must.Get(stream.Consumer(ctx, "go_pull")).Info(ctx))
	must.Hold(about.NumAckPending == 0 && about.NumRedelivered == 0, "all acknowledged, none delivered again")
	fmt.Println("PASS acknowledged")
}
