package page_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// tab is a page in a real browser, with its requests and the browser's complaints.
type tab struct {
	*testing.T
	ctx context.Context

	mu       sync.Mutex
	asked    []string
	troubles []string
	quiet    bool // complaints are expected, because the server is down
}

// openTab starts a headless Chromium, or skips the test if there is none. .ci/run installs
// Chromium, and reports if it cannot.
func openTab(t *testing.T) *tab {
	t.Helper()
	binary, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium: the page is not tested in a browser")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(binary), chromedp.DisableGPU,
		chromedp.Flag("no-proxy-server", true), chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's own sandbox refuses to run as root
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Second)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	b := &tab{T: t}
	b.ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(b.listen))
	t.Cleanup(cancel)
	return b
}

func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	case *runtime.EventConsoleAPICalled:
		b.troubles = append(b.troubles, fmt.Sprintf("console %s", e.Type))
	case *runtime.EventExceptionThrown:
		b.troubles = append(b.troubles, e.ExceptionDetails.Text+" "+e.ExceptionDetails.URL)
	case *log.EventEntryAdded:
		if !b.quiet {
			b.troubles = append(b.troubles, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

// wait waits until an expression in the page is true.
func (b *tab) wait(condition string) {
	b.Helper()
	const poll = `new Promise((ok, no) => { const end = Date.now() + 20000, look = () => {
		let yes = false; try { yes = !!(%s) } catch {}
		if (yes) ok(true); else if (Date.now() > end) ok(false); else setTimeout(look, 20);
	}; look(); })`
	if !eval[bool](b, fmt.Sprintf(poll, condition)) {
		b.Fatalf("never: %s\nthe page says:\n%s", condition, eval[string](b, "document.body.innerText"))
	}
}

func eval[T any](b *tab, expression string) T {
	b.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return value
}

// media emulates a user's preference for a color scheme, and for reduced motion.
func (b *tab) media(scheme, motion string) {
	b.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: motion},
		}})
	if err != nil {
		b.Fatal(err)
	}
}

// picture saves a screenshot in $SCREENSHOTS, for a person to look at.
func (b *tab) picture(name string, width, height int64) {
	b.Helper()
	b.do(chromedp.EmulateViewport(width, height))
	if wide := eval[bool](b, "document.documentElement.scrollWidth > innerWidth"); wide {
		b.Errorf("%s: the page scrolls sideways at %d px: %s", name, width, eval[string](b, widest))
	}
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)
	}
	if err != nil {
		b.Fatal(err)
	}
}

const widest = `[...document.querySelectorAll("body *")].filter(n => n.getBoundingClientRect().right > ` +
	`innerWidth + 1).map(n => n.tagName + "." + n.className + "#" + n.id).slice(0, 5).join(" ")`

// contrast lists the texts whose WCAG 2 contrast with their background is below 4.5, and counts the
// texts.
const contrast = `(() => {
	const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
	const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
	const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
	const canvas = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18, 1] : [255, 255, 255, 1];
	const behind = n => { const layers = []; for (; n; n = n.parentElement) layers.push(parse(getComputedStyle(n).backgroundColor)); return layers.reverse().reduce((under, c) => over(c, under), canvas); };
	const low = []; let seen = 0;
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const n = walk.currentNode.parentElement;
		if (!walk.currentNode.data.trim() || !n.checkVisibility() || n.closest("script, noscript, .hidden")) continue;
		const back = behind(n), front = over(parse(getComputedStyle(n).color), back), [a, b] = [light(front), light(back)];
		const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
		seen++;
		if (ratio < 4.5) low.push(ratio.toFixed(2) + " " + walk.currentNode.data.trim().slice(0, 30));
	}
	return { seen, low };
})()`

func (b *tab) checkContrast(scheme string) {
	b.Helper()
	got := eval[struct {
		Seen int      `json:"seen"`
		Low  []string `json:"low"`
	}](b, contrast)
	if got.Seen < 30 || len(got.Low) > 0 {
		b.Errorf("%s: of %d texts too faint: %q", scheme, got.Seen, got.Low)
	}
}

// witness counts what appears and disappears on the wires, so that a slow machine does not miss it.
const witness = `window.witness = { dots: 0, paths: 0, lit: 0 };
	new MutationObserver(list => {
		for (const change of list) {
			for (const n of change.addedNodes) { witness.dots += n.tagName === "circle"; witness.paths += n.tagName === "path"; }
			if (change.type === "attributes" && change.target.classList.contains("lit")) witness.lit++;
		}
	}).observe(document.getElementById("wires"), { childList: true, subtree: true, attributes: true, attributeFilter: ["class"] });
	true`

func card(id, condition string) string {
	return fmt.Sprintf(`(n => %s)(document.querySelector('[data-machine="%s"]'))`, condition, id)
}

// TestBrowser uses the page as a person would who leaves it open.
func TestBrowser(t *testing.T) {
	b := openTab(t)
	p, traffic, handler := newPage(t)
	server, err := flysim.Serve("127.0.0.1:0", handler)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	p.AddMachine(shop, "fra", p.MachineConfig(shop, shopA))
	b.media("light", "no-preference")
	b.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(server.URL+"/"))
	b.wait(card(shopA, `n.innerText.includes("started")`))
	b.wait(`document.querySelectorAll("#apps button").length === 5 && ` +
		`document.querySelector("[aria-current=true]").innerText.includes("shop-api")`)
	b.wait(`document.querySelectorAll("#wires path").length === 5`)

	// A Machine's state has a word, an icon and an announcement.
	if err := p.Park(shop, shopA, true); err != nil {
		t.Fatal(err)
	}
	b.wait(card(shopA,
		`n.dataset.state === "suspended" && n.querySelector(".state-word").innerText === "suspended" && `+
			`n.querySelector(".state-word svg")`))
	b.wait(`document.getElementById("say").textContent.includes("quiet-river-2417 in iad is suspended")`)
	if err := p.Wake(shop, shopA); err != nil {
		t.Fatal(err)
	}
	b.wait(card(shopA, `n.dataset.state === "starting"`))
	p.Clock().Advance(2 * time.Second)
	b.wait(card(shopA, `n.dataset.state === "started"`))
	b.wait(`document.getElementById("now").innerText === "2026-11-22 12:00:02 UTC"`)

	eval[bool](b, witness)

	// A request and its load, and a name that must not be parsed as markup.
	end := traffic.Begin(shopA)
	b.wait(card(shopA, `n.querySelector("[role=meter]").getAttribute("aria-valuenow") === "1"`))
	traffic.Add(flysim.Visit{
		At: p.Clock().Now(), Door: flysim.DoorFlycast, App: shop, Machine: shopA, Method: "GET",
		Path:   "/<img src=x onerror=alert(1)>",
		Status: 200, Woke: true, Held: 2 * time.Second, Took: 2100 * time.Millisecond,
	})
	traffic.Add(flysim.Visit{At: p.Clock().Now(), Door: flysim.DoorPublic, App: shop, Method: "POST",
		Path: "/orders", Status: 502, Code: "PC01", Took: 3 * time.Millisecond})
	b.wait(`witness.dots === 2`)
	b.wait(`document.querySelector("#rows tr:last-child").innerText.includes("GET /<img src=x onerror=alert(1)>")`)
	b.wait(`document.querySelector("#rows").innerText.includes("502 PC01") && ` +
		`document.getElementById("count").innerText === "2" && document.getElementById("wakes").innerText === "1"`)
	b.wait(card(shopA, `n.innerText.includes("woken")`))
	b.picture("light", 1280, 900)
	b.checkContrast("light")
	end()
	b.wait(`document.querySelectorAll("#wires circle").length === 0`) // they arrived
	traffic.Add(flysim.Visit{At: p.Clock().Now(), Door: flysim.DoorInternal, App: shop, Machine: shopA,
		Method: "GET", Path: "/past", Status: 200})
	b.wait(`witness.dots === 3 && witness.paths === 1`) // past Fly Proxy, on a separate path

	// The public addresses are released: the public entrance is struck out.
	b.wait(`!document.getElementById("outside").classList.contains("shut") && ` +
		`document.getElementById("inside").classList.contains("shut")`)
	p.AddAddress(shop, "private_v6", "", "")
	for _, a := range p.Addresses(shop) {
		if a.Kind != "private_v6" {
			p.RemoveAddress(shop, a.IP)
		}
	}
	b.wait(`document.getElementById("outside").classList.contains("shut") && ` +
		`!document.getElementById("inside").classList.contains("shut")`)
	b.wait(`getComputedStyle(document.querySelector("#outside s")).textDecorationLine === "line-through" && ` +
		`document.getElementById("outside").innerText.includes("closed")`)
	p.StopMachine(shop, shopA)
	p.SetHost(shop, shopA, "unreachable")
	b.wait(card(shopA, `n.innerText.includes("host unreachable")`))
	b.media("dark", "reduce")
	b.picture("dark", 1280, 900)
	b.checkContrast("dark")

	// Reduced motion: a request highlights the wires, and nothing moves.
	traffic.Add(flysim.Visit{At: p.Clock().Now(), Door: flysim.DoorFlycast, App: shop, Machine: shopA,
		Method: "GET", Path: "/calm", Status: 200})
	b.wait(`witness.lit === 2 && document.getElementById("rows").innerText.includes("/calm")`)
	if dots := eval[int](b, "witness.dots"); dots != 3 {
		t.Errorf("%d dots moved, want the 3 from before", dots)
	}

	b.picture("narrow-dark", 320, 700)
	b.checkContrast("narrow, dark")
	b.media("light", "reduce")
	b.picture("narrow", 320, 700)
	b.picture("tablet", 800, 900)
	b.picture("4k", 3840, 2160)
	b.do(chromedp.EmulateViewport(1280, 900))

	// The keyboard: another app, and its name in the address.
	b.do(chromedp.Focus(chromedp.CSS(`[data-app="inner-circle"] button`)), chromedp.KeyEvent("\r"))
	b.wait(`document.querySelector("[aria-current=true]").innerText.includes("inner-circle") && ` +
		`location.search === "?app=inner-circle"`)
	b.wait(`document.getElementById("inside").innerText.includes("fdaa:2:1c4f:0:1::2") && ` +
		`document.querySelectorAll("[data-machine]").length === 2`)

	// The server goes down and comes back with another state.
	b.mu.Lock()
	b.quiet = true
	b.mu.Unlock()
	address := strings.TrimPrefix(server.URL, "http://")
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	b.wait(`document.getElementById("link").innerText.includes("connection lost")`)
	p.AddApp("newcomer", "personal", "")
	if server, err = flysim.Serve(address, handler); err != nil {
		t.Fatal(err)
	}
	b.wait(`document.getElementById("link").innerText === "live" && document.querySelector('[data-app="newcomer"]')`)

	b.checkRequests(server.URL)
}

// TestBrowserManyApps checks that a list of a thousand apps can be searched.
func TestBrowserManyApps(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	b := openTab(t)
	p, _, handler := newPage(t)
	for i := range 1000 {
		p.AddApp(fmt.Sprintf("app-%04d", i), "personal", "")
	}
	server, err := flysim.Serve("127.0.0.1:0", handler)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	b.media("light", "reduce")
	b.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(server.URL+"/?app=app-0700"))
	b.wait(`document.querySelector("[aria-current=true]").innerText.includes("app-0700") && ` +
		`document.getElementById("more").innerText === "975 more: type to search"`)
	b.wait(`document.getElementById("regions").innerText.includes("no Machines")`)
	b.picture("many", 1280, 900)
	b.do(chromedp.SendKeys(chromedp.CSS("#find"), "app-09"))
	b.wait(`[...document.querySelectorAll("#apps li")].filter(n => n.dataset.app.startsWith("app-09")).length === 30`)
	b.checkRequests(server.URL)
}

// checkRequests checks that the page sent requests only to the server, and that the browser had no
// complaints.
func (b *tab) checkRequests(base string) {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, asked := range b.asked {
		u, err := url.Parse(asked)
		if err != nil || u.Scheme != "data" && u.Scheme+"://"+u.Host != base {
			b.Errorf("the page asked for %.100s", asked)
		}
	}
	if len(b.asked) < 2 {
		b.Errorf("only %d requests were seen", len(b.asked))
	}
	for _, trouble := range b.troubles {
		b.Errorf("the browser says: %s", trouble)
	}
}
