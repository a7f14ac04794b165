// The test's site on Go's net/http: site PORT SECURE_PORT IDENTITY. python_site.py says what is where.
package main

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

var large = bytes.Repeat([]byte("0123456789"), 100000)

func echo(w http.ResponseWriter, r *http.Request) {
	hash := sha256.New()
	count, err := io.Copy(hash, r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	framing := "none"
	if len(r.TransferEncoding) > 0 {
		framing = r.TransferEncoding[0]
	} else if r.ContentLength >= 0 && r.Header.Get("Content-Type") != "" {
		framing = strconv.FormatInt(r.ContentLength, 10)
	}
	kind := strings.Split(r.Header.Get("Content-Type")+";", ";")[0]
	if kind == "" {
		kind = "none"
	}
	fmt.Fprintf(w, "%s %s %d %x %s\n", r.Method, framing, count, hash.Sum(nil), kind)
}

func coded(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Encoding", name)
	var coder io.WriteCloser = gzip.NewWriter(w)
	if name == "deflate" {
		coder = zlib.NewWriter(w)
	}
	io.WriteString(coder, strings.Repeat("coded ", 1000)+"\n")
	coder.Close()
}

func untilClose(w http.ResponseWriter) {
	connection, out, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	out.WriteString("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil close\n")
	out.Flush()
	connection.Close()
}

func serve(w http.ResponseWriter, r *http.Request) {
	_, port, _ := net.SplitHostPort(r.RemoteAddr)
	w.Header().Set("X-Port", port)
	w.Header().Set("Content-Type", "text/plain")
	parts := strings.Split(r.URL.Path+"/", "/")
	switch parts[1] {
	case "hello":
		io.WriteString(w, "hello\n")
	case "echo":
		echo(w, r)
	case "chunked":
		for i := 0; i < 100; i++ {
			fmt.Fprintf(w, "piece %d\n", i)
			w.(http.Flusher).Flush()
		}
	case "until-close":
		untilClose(w)
	case "coded":
		coded(w, parts[2])
	case "move":
		status, _ := strconv.Atoi(parts[2])
		w.Header().Set("Location", strings.TrimPrefix(r.URL.RawQuery, "to="))
		w.WriteHeader(status)
	case "cookie":
		if parts[2] == "set" {
			for _, cookie := range []string{"one=1; Path=/", "two=2; Path=/cookie", "far=3; Domain=other.example"} {
				w.Header().Add("Set-Cookie", cookie)
			}
		}
		io.WriteString(w, "set\n")
	case "show":
		fmt.Fprintf(w, "%s authorization=%s cookie=%s\n", r.Method, r.Header.Get("Authorization"), r.Header.Get("Cookie"))
	case "digits.txt":
		http.ServeContent(w, r, "digits.txt", time.Time{}, bytes.NewReader(large))
	default:
		http.NotFound(w, r)
	}
}

func main() {
	identity := os.Args[3]
	for _, host := range []string{"::1", "127.0.0.1"} {
		host := host
		go func() {
			log.Fatal(http.ListenAndServe(net.JoinHostPort(host, os.Args[1]), http.HandlerFunc(serve)))
		}()
		go func() {
			log.Fatal(http.ListenAndServeTLS(net.JoinHostPort(host, os.Args[2]), identity+".pem", identity+".key", http.HandlerFunc(serve)))
		}()
	}
	select {}
}
