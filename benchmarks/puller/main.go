// Fetches every reference of a file with go-containerregistry's Puller, 64 at once, and prints one line for each.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	puller, err := remote.NewPuller()
	if err != nil {
		log.Fatal(err)
	}
	refs := make(chan string)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	var guard sync.Mutex
	var group sync.WaitGroup
	for i := 0; i < 64; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for text := range refs {
				ref, err := name.ParseReference(text, name.Insecure)
				if err != nil {
					log.Fatal(err)
				}
				got, err := puller.Get(context.Background(), ref)
				if err != nil {
					log.Fatal(err)
				}
				guard.Lock()
				fmt.Fprintf(out, "%s %s %d\n", text, got.Digest, len(got.Manifest))
				guard.Unlock()
			}
		}()
	}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		refs <- lines.Text()
	}
	close(refs)
	group.Wait()
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}
