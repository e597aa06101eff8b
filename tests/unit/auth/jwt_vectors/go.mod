module nuring/jwt_vectors

go 1.22

require (
	github.com/nats-io/jwt v0.3.2
	github.com/nats-io/jwt/v2 v2.5.0
	github.com/nats-io/nkeys v0.4.5
)

require (
	golang.org/x/crypto v0.7.0 // indirect
	golang.org/x/sys v0.6.0 // indirect
)
