// Command proof verifies proofs in a Go back end, with golang-jwt and keyfunc.
//
// proof KEY_SET_URL ISSUER AUDIENCE PURPOSE [COOLDOWN_S]: a token a line in, its address or a refusal a line out.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	arguments := os.Args[1:]
	cooldown := 30 * time.Second
	if len(arguments) == 5 {
		seconds, err := strconv.ParseFloat(arguments[4], 64)
		if err != nil {
			fail(err)
		}
		cooldown = time.Duration(seconds * float64(time.Second))
	} else if len(arguments) != 4 {
		fail(fmt.Errorf("KEY_SET_URL ISSUER AUDIENCE PURPOSE [COOLDOWN_S]"))
	}
	verifier, err := NewVerifier(context.Background(), arguments[0], arguments[1], arguments[2], cooldown)
	if err != nil {
		fail(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if claims, err := verifier.Verify(lines.Text(), arguments[3]); err == nil {
			fmt.Println("ok", claims.Subject)
		} else {
			fmt.Println("refused", strings.ReplaceAll(err.Error(), "\n", " "))
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
