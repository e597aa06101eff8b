// SPDX-License-Identifier: Apache-2.0

// Makes ../jwt_vectors.h: tokens as the Go libraries write them, of both versions.
//
//	go run . > ../jwt_vectors.h
//
// The keys are made from numbers and belong to nobody.
package main

import (
	"bytes"
	"fmt"
	"time"

	v1 "github.com/nats-io/jwt"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// key makes the n-th key pair of a kind.
func key(kind nkeys.PrefixByte, n byte) nkeys.KeyPair {
	seed := must(nkeys.EncodeSeed(kind, bytes.Repeat([]byte{n}, 32)))
	return must(nkeys.FromSeed(seed))
}

func public(pair nkeys.KeyPair) string { return must(pair.PublicKey()) }

// emit prints a constant in lines that fit the page.
func emit(name, text string) {
	fmt.Printf("inline constexpr std::string_view %s =\n", name)
	const width = 88
	for len(text) > width {
		fmt.Printf("    \"%s\"\n", text[:width])
		text = text[width:]
	}
	fmt.Printf("    \"%s\";\n", text)
}

func main() {
	operator, operatorSigner := key(nkeys.PrefixByteOperator, 1), key(nkeys.PrefixByteOperator, 2)
	account, accountSigner := key(nkeys.PrefixByteAccount, 3), key(nkeys.PrefixByteAccount, 4)
	scoped, exporter := key(nkeys.PrefixByteAccount, 5), key(nkeys.PrefixByteAccount, 6)
	user := key(nkeys.PrefixByteUser, 7)

	fmt.Println("// SPDX-License-Identifier: Apache-2.0")
	fmt.Println("// Made by jwt_vectors/main.go: tokens as the Go libraries write them.")
	fmt.Println("#pragma once")
	fmt.Println()
	fmt.Println("#include <string_view>")
	fmt.Println()
	fmt.Println("namespace nuring::auth::vectors {")
	fmt.Println()
	emit("kOperatorKey", public(operator))
	emit("kOperatorSigner", public(operatorSigner))
	emit("kAccountKey", public(account))
	emit("kAccountSeed", string(must(account.Seed())))
	emit("kAccountSigner", public(accountSigner))
	emit("kScopedSigner", public(scoped))
	emit("kExporterKey", public(exporter))
	emit("kUserKey", public(user))
	emit("kUserSeed", string(must(user.Seed())))

	oc := jwt.NewOperatorClaims(public(operator))
	oc.Name = "O"
	oc.SigningKeys.Add(public(operatorSigner))
	oc.SystemAccount = public(account)
	oc.StrictSigningKeyUsage = true
	oc.AssertServerVersion = "2.9.0"
	emit("kOperatorV2", must(oc.Encode(operator)))

	activation := jwt.NewActivationClaims(public(account))
	activation.ImportSubject = "private.>"
	activation.ImportType = jwt.Stream
	activationV2 := must(activation.Encode(exporter))
	emit("kActivationV2", activationV2)

	ac := jwt.NewAccountClaims(public(account))
	ac.Name = "A"
	ac.Tags.Add("region:EU")
	ac.Limits.Subs, ac.Limits.Payload, ac.Limits.Conn = 10, 1024, 5
	ac.SigningKeys.Add(public(accountSigner))
	scope := jwt.NewUserScope()
	scope.Key, scope.Role = public(scoped), "role"
	scope.Template.Pub.Allow.Add("team.{{tag(team)}}.>")
	ac.SigningKeys.AddScopedSigner(scope)
	ac.Exports.Add(&jwt.Export{Subject: "pub.>", Type: jwt.Stream},
		&jwt.Export{Subject: "svc.*", Type: jwt.Service, TokenReq: true,
			ResponseType: jwt.ResponseTypeStream, AccountTokenPosition: 2})
	ac.Imports.Add(
		&jwt.Import{Account: public(exporter), Subject: "private.x", LocalSubject: "mine.x", Type: jwt.Stream, Token: activationV2},
		&jwt.Import{Account: public(exporter), Subject: "ask", To: "answer", Type: jwt.Service})
	ac.RevokeAt(public(user), time.Unix(1500000000, 0))
	ac.DefaultPermissions.Pub.Deny.Add("forbidden")
	ac.AddMapping("from", jwt.WeightedMapping{Subject: "to", Weight: 60})
	emit("kAccountV2", must(ac.Encode(operatorSigner)))

	uc := jwt.NewUserClaims(public(user))
	uc.Name = "U"
	uc.IssuerAccount = public(account)
	uc.Tags.Add("team:red")
	uc.Pub.Allow.Add("a.>")
	uc.Sub.Deny.Add("b q")
	uc.Resp = &jwt.ResponsePermission{MaxMsgs: 3, Expires: time.Minute}
	uc.Src.Add("127.0.0.0/8")
	uc.Times = append(uc.Times, jwt.TimeRange{Start: "08:00:00", End: "17:00:00"})
	uc.Locale = "Europe/Berlin"
	uc.BearerToken = true
	uc.AllowedConnectionTypes.Add(jwt.ConnectionTypeStandard)
	uc.Limits.Subs = 7
	emit("kUserV2", must(uc.Encode(accountSigner)))

	scopedUser := jwt.NewUserClaims(public(user))
	scopedUser.Name = "S"
	scopedUser.IssuerAccount = public(account)
	scopedUser.Tags.Add("team:red")
	scopedUser.SetScoped(true)
	emit("kScopedUserV2", must(scopedUser.Encode(scoped)))

	oldOperator := v1.NewOperatorClaims(public(operator))
	oldOperator.Name = "O1"
	oldOperator.SigningKeys.Add(public(operatorSigner))
	emit("kOperatorV1", must(oldOperator.Encode(operator)))

	oldAccount := v1.NewAccountClaims(public(account))
	oldAccount.Name = "A1"
	oldAccount.Limits.Subs = 3
	oldAccount.SigningKeys.Add(public(accountSigner))
	oldAccount.Exports.Add(&v1.Export{Subject: "old.>", Type: v1.Stream, TokenReq: true})
	oldAccount.Imports.Add(&v1.Import{Account: public(exporter), Subject: "s", To: "prefix", Type: v1.Stream})
	emit("kAccountV1", must(oldAccount.Encode(operator)))

	oldUser := v1.NewUserClaims(public(user))
	oldUser.Name = "U1"
	oldUser.IssuerAccount = public(account)
	oldUser.Permissions.Pub.Allow.Add("old.>")
	oldUser.Src = "10.0.0.0/8,192.0.2.1/32"
	emit("kUserV1", must(oldUser.Encode(accountSigner)))

	oldActivation := v1.NewActivationClaims(public(account))
	oldActivation.ImportSubject = "private"
	oldActivation.ImportType = v1.Service
	emit("kActivationV1", must(oldActivation.Encode(exporter)))

	fmt.Println()
	fmt.Println("}  // namespace nuring::auth::vectors")
}
