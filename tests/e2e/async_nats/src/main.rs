// SPDX-License-Identifier: Apache-2.0
//! Scenarios for async-nats against a running server; ../README.md has the list.
//!
//! usage: scenarios URL

use async_nats::{Client, ConnectOptions, Event, HeaderMap, RequestErrorKind, Subscriber};
use futures_util::StreamExt;
use std::env;
use std::error::Error;
use std::fs;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

const WAIT: Duration = Duration::from_secs(10);
const LARGE_PAYLOAD: usize = 1 << 20;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

macro_rules! check {
    ($good:expr, $what:expr) => {
        if !$good {
            return Err($what.into());
        }
    };
}

fn options() -> ConnectOptions {
    let mut made = ConnectOptions::new().reconnect_delay_callback(|_| Duration::from_millis(20));
    if let Ok(authority) = env::var("NATS_CA") {
        made = made.require_tls(true).add_root_certificates(authority.into());
    }
    if let (Ok(certificate), Ok(key)) = (env::var("NATS_CERT"), env::var("NATS_KEY")) {
        made = made.add_client_certificate(certificate.into(), key.into());
    }
    if let Ok(file) = env::var("NATS_CREDS") {
        let text = fs::read_to_string(file).expect("credentials file");
        made = made.credentials(&text).expect("credentials");
    }
    if let Ok(file) = env::var("NATS_SEED") {
        made = made.nkey(fs::read_to_string(file).expect("seed file"));
    }
    if let (Ok(user), Ok(password)) = (env::var("NATS_USER"), env::var("NATS_PASS")) {
        made = made.user_and_password(user, password);
    }
    if let Ok(token) = env::var("NATS_TOKEN") {
        made = made.token(token);
    }
    made
}

async fn connect(url: &str) -> Result<Client, Box<dyn Error + Send + Sync>> {
    Ok(options().connect(url).await?)
}

/// Returns when the server has handled everything sent so far; flush() only hands it to the kernel.
async fn settle(client: &Client) -> Outcome {
    match client.request("rust.settle", "".into()).await {
        Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(()),
        other => Err(format!("settle: {other:?}").into()),
    }
}

async fn subscribe(
    client: &Client,
    subject: &'static str,
) -> Result<Subscriber, Box<dyn Error + Send + Sync>> {
    let subscriber = client.subscribe(subject).await?;
    settle(client).await?;
    Ok(subscriber)
}

async fn next(
    subscriber: &mut Subscriber,
) -> Result<async_nats::Message, Box<dyn Error + Send + Sync>> {
    Ok(timeout(WAIT, subscriber.next()).await?.ok_or("the subscription ended")?)
}

async fn connects(url: String) -> Outcome {
    let client = connect(&url).await?;
    check!(client.server_info().max_payload == LARGE_PAYLOAD, "max_payload of INFO");
    Ok(())
}

async fn publish_subscribe(url: String) -> Outcome {
    let sender = connect(&url).await?;
    let receiver = connect(&url).await?;
    let mut subscriber = subscribe(&receiver, "rust.plain").await?;
    for i in 0..1000 {
        sender.publish("rust.plain", i.to_string().into()).await?;
    }
    for i in 0..1000 {
        let message = next(&mut subscriber).await?;
        check!(message.payload == i.to_string().as_bytes(), "messages in order");
    }
    Ok(())
}

async fn wildcard(url: String) -> Outcome {
    let client = connect(&url).await?;
    let mut star = subscribe(&client, "rust.wild.*.end").await?;
    let mut rest = subscribe(&client, "rust.wild.>").await?;
    client.publish("rust.wild.a.b", "1".into()).await?;
    client.publish("rust.wild.a.end", "2".into()).await?;
    check!(next(&mut star).await?.payload == "2", "star");
    check!(next(&mut rest).await?.payload == "1", "rest, first");
    check!(next(&mut rest).await?.payload == "2", "rest, second");
    Ok(())
}

async fn queue_group(url: String) -> Outcome {
    const MESSAGES: usize = 300;
    let sender = connect(&url).await?;
    let receiver = connect(&url).await?;
    let (count, mut counted) = mpsc::unbounded_channel();
    for member in 0..3 {
        let mut subscriber = receiver.queue_subscribe("rust.queue", "group".into()).await?;
        let count = count.clone();
        tokio::spawn(async move {
            while subscriber.next().await.is_some() {
                let _ = count.send(member);
            }
        });
    }
    settle(&receiver).await?;
    for _ in 0..MESSAGES {
        sender.publish("rust.queue", "x".into()).await?;
    }
    let mut shares = [0; 3];
    for _ in 0..MESSAGES {
        let member: usize = timeout(WAIT, counted.recv()).await?.ok_or("no member left")?;
        shares[member] += 1;
    }
    settle(&receiver).await?; // what is delivered twice would come before this
    check!(counted.try_recv().is_err(), "each message goes to one member");
    check!(shares.iter().all(|share| *share > 0), "every member gets a share");
    Ok(())
}

async fn request_reply(url: String) -> Outcome {
    let server = connect(&url).await?;
    let client = connect(&url).await?;
    let mut subscriber = subscribe(&server, "rust.echo").await?;
    tokio::spawn(async move {
        while let Some(request) = subscriber.next().await {
            if let Some(reply) = request.reply {
                let _ = server.publish(reply, request.payload).await;
            }
        }
    });
    for i in 0..100 {
        let reply = client.request("rust.echo", i.to_string().into()).await?;
        check!(reply.payload == i.to_string().as_bytes(), "reply");
    }
    Ok(())
}

async fn headers(url: String) -> Outcome {
    let client = connect(&url).await?;
    let mut subscriber = subscribe(&client, "rust.headers").await?;
    let mut sent = HeaderMap::new();
    sent.append("Key", "one");
    sent.append("Key", "two");
    client.publish_with_headers("rust.headers", sent, "body".into()).await?;
    let message = next(&mut subscriber).await?;
    let got = message.headers.ok_or("no headers")?;
    let values: Vec<&str> = got.get_all("Key").map(|value| value.as_str()).collect();
    check!(values == ["one", "two"], "both values");
    check!(message.payload == "body", "body");
    Ok(())
}

async fn no_responders(url: String) -> Outcome {
    let client = connect(&url).await?;
    match client.request("rust.nobody", "x".into()).await {
        Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Err("somebody answered".into()),
    }
}

async fn drain(url: String) -> Outcome {
    let sender = connect(&url).await?;
    let receiver = connect(&url).await?;
    let mut subscriber = subscribe(&receiver, "rust.drain").await?;
    for _ in 0..1000 {
        sender.publish("rust.drain", "x".into()).await?;
    }
    settle(&sender).await?;
    // drain() of this client gives up what it has not read yet, so it comes when all has arrived.
    settle(&receiver).await?;
    receiver.drain().await?;
    let mut count = 0;
    while timeout(WAIT, subscriber.next()).await?.is_some() {
        count += 1;
    }
    check!(count == 1000, format!("nothing is lost: {count} of 1000"));
    Ok(())
}

async fn large_payload(url: String) -> Outcome {
    let client = connect(&url).await?;
    let mut subscriber = subscribe(&client, "rust.large").await?;
    let payload: Vec<u8> = (0..LARGE_PAYLOAD).map(|i| (i * 7) as u8).collect();
    client.publish("rust.large", payload.clone().into()).await?;
    check!(next(&mut subscriber).await?.payload == payload, "payload unchanged");
    Ok(())
}

async fn reconnect(url: String) -> Outcome {
    let (events, mut seen) = mpsc::unbounded_channel();
    let client = options()
        .event_callback(move |event| {
            let _ = events.send(event);
            async {}
        })
        .connect(&url)
        .await?;
    let mut subscriber = subscribe(&client, "rust.again").await?;
    println!("RESTART");
    let mut lost = false;
    loop {
        match timeout(WAIT, seen.recv()).await?.ok_or("no more events")? {
            Event::Disconnected => lost = true,
            Event::Connected if lost => break,
            _ => {}
        }
    }
    client.publish("rust.again", "x".into()).await?;
    check!(next(&mut subscriber).await?.payload == "x", "the subscription lives on");
    Ok(())
}

#[tokio::main]
async fn main() {
    let url = std::env::args().nth(1).expect("usage: scenarios URL");
    let mut failed = false;
    macro_rules! run {
        ($name:literal, $scenario:ident) => {
            match timeout(3 * WAIT, tokio::spawn($scenario(url.clone()))).await {
                Ok(Ok(Ok(()))) => println!("PASS {}", $name),
                other => {
                    failed = true;
                    println!("FAIL {}: {:?}", $name, other);
                }
            }
        };
    }
    run!("connect", connects);
    run!("publish_subscribe", publish_subscribe);
    run!("wildcard", wildcard);
    run!("queue_group", queue_group);
    run!("request_reply", request_reply);
    run!("headers", headers);
    run!("no_responders", no_responders);
    run!("drain", drain);
    run!("large_payload", large_payload);
    run!("reconnect", reconnect);
    std::process::exit(failed as i32);
}
