// SPDX-License-Identifier: Apache-2.0

// Package must ends a scenario that does not go as it should: its functions panic with the reason.
package must

// Hold is for what the scenario expects.
func Hold(good bool, what string) {
	if !good {
		panic(what)
	}
}

// Get is the value of a call that may not fail.
func Get[T any](value T, err error) T {
	Succeed(err)
	return value
}

// Succeed is for a call without a value.
func Succeed(err error) {
	if err != nil {
		panic(err)
	}
}
