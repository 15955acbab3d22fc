package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/program"
	"github.com/flycast-mcp/flycast-mcp/flysim/seed"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// How long the runner waits for commands, in real time.
const (
	killTimeout     = 5 * time.Second        // from the stop signal to SIGKILL, unless the configuration says otherwise
	closeTimeout    = time.Second            // from the stop signal to SIGKILL when the runner ends
	maxPollInterval = 250 * time.Millisecond // the longest time between two checks of what a command listens on
	bootTimeout     = 8 * time.Second        // until requests learn that it listens nowhere; as long as Fly Proxy waits
)

// child is a command that runs for a Machine.
type child struct {
	app, machine string
	instance     string
	cmd          *exec.Cmd
	guard        *guard
	guardErr     error // why it has no guard
	home         string
	port         int // on this computer
	internal     int // on the Machine
	stop         stopConfig
	omitted      []string      // names of the Machine's variables that it does not get
	done         chan struct{} // closed when the command has ended

	mu      sync.Mutex
	started time.Time // of the Machine
	ending  bool      // it was asked to end, or it has ended
	kill    *time.Timer
	allowed time.Duration // from the request to end until the kill
	paused  bool
	addr    string // where it listens, empty if nowhere yet
}

// Follow starts, pauses and ends the commands of an app according to its Machines.
func (r *runner) Follow(app string, machines []flysim.Backend) {
	present := make(map[string]bool)
	for _, b := range machines {
		if strings.HasPrefix(b.Group, "fly_app_") {
			continue // a Machine for a release command or a console
		}
		present[b.ID] = true
		c := r.child(b.ID)
		same := c != nil && c.instance == b.InstanceID
		switch {
		case b.State == "started" && same && c.continues(b.Started):
		case b.State == "suspended" && same && c.pause():
		default:
			if c != nil {
				c.end(c.stop.timeout)
			}
			if b.State == "started" {
				r.start(r.apps[app], b)
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, c := range r.children {
		if c.app == app && !present[id] {
			c.end(c.stop.timeout)
		}
	}
}

func (r *runner) child(id string) *child {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.children[id]
}

// start runs the command of a Machine that has started. A command that cannot be run counts as a
// program that ended with code 127, as in a shell.
func (r *runner) start(d seed.App, b flysim.Backend) {
	c := &child{
		app: d.Name, machine: b.ID, instance: b.InstanceID, started: b.Started,
		internal: internalPort(b.Config), stop: readStop(b.Config), done: make(chan struct{}),
	}
	_ = r.platform.Boot(c.app, c.machine) // fails only for a deleted Machine
	switch err := r.spawn(c, d, b); {
	case errors.Is(err, errClosed):
		return
	case err != nil:
		r.say(c, "system", fmt.Sprintf("the command cannot be run: %v", err))
		_ = r.platform.Exit(c.app, c.machine, c.instance, 127) // fails only for a deleted Machine
		return
	}
	if len(c.omitted) > 0 {
		names := c.omitted[:min(len(c.omitted), 20)]
		r.say(c, "system",
			fmt.Sprintf("the command does not get these variables, because env in the operator's file does not name them: "+
				"%.60q", names))
	}
	if c.guardErr != nil {
		r.say(c, "system", fmt.Sprintf("processes that the command starts survive if flysim is killed: %v", c.guardErr))
	}
	go r.waitForEnd(c)
	go r.watch(c)
}

// spawn starts the process and registers it.
func (r *runner) spawn(c *child, d seed.App, b flysim.Backend) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return errClosed
	case len(r.alive) >= r.most:
		return fmt.Errorf("%d commands are already running", len(r.alive))
	}
	for older := range r.alive {
		if older.machine == c.machine && older != r.children[c.machine] {
			older.end(0) // a later command of the Machine has ended since, so it had enough time
		}
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	if c.guardErr, err = r.ensureHomes(); err != nil {
		return err
	}
	c.guard = r.guard
	if c.home, err = os.MkdirTemp(r.homes, ""); err != nil {
		return err
	}
	c.port = port
	me := program.Identity{App: c.app, Machine: c.machine, Region: b.Region, Instance: b.InstanceID,
		Address: b.PrivateIP, Config: b.Config}
	c.cmd = exec.Command(d.Command[0], d.Command[1:]...)
	c.cmd.Dir = d.Dir
	c.cmd.Env, c.omitted = commandEnvironment(me, d.Env, port, c.home)
	c.cmd.Stdout, c.cmd.Stderr = r.output(c, "stdout"), r.output(c, "stderr")
	c.cmd.SysProcAttr = attributes()
	c.cmd.WaitDelay = time.Second // for the output of processes that it leaves behind
	if err := c.cmd.Start(); err != nil {
		return errors.Join(err, os.RemoveAll(c.home))
	}
	c.guardErr = errors.Join(c.guardErr, c.guard.add(c.cmd.Process))
	r.children[c.machine], r.alive[c] = c, struct{}{}
	r.running.Add(2)
	return nil
}

// freePort returns a port of this computer on which nothing listens.
func freePort() (int, error) {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, err
	}
	defer l.Close()
	at, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.New("no port")
	}
	return at.Port, nil
}

// waitForEnd waits for the end of the command and reports it to the platform.
func (r *runner) waitForEnd(c *child) {
	defer r.running.Done()
	_ = c.cmd.Wait() // ProcessState has the result
	killGroup(c.cmd.Process)
	c.guard.remove(c.cmd.Process)
	for _, w := range []any{c.cmd.Stdout, c.cmd.Stderr} {
		if w, ok := w.(*output); ok {
			w.flush()
		}
	}
	c.mu.Lock()
	asked := c.ending
	c.ending, c.addr = true, ""
	if c.kill != nil {
		c.kill.Stop()
	}
	c.mu.Unlock()
	close(c.done)
	code := exitCode(c.cmd.ProcessState)
	r.say(c, "system", fmt.Sprintf("the command ended with code %d", code))
	if !asked {
		_ = r.platform.Exit(c.app, c.machine, c.instance, code)
	}
	r.mu.Lock()
	if delete(r.alive, c); r.children[c.machine] == c {
		delete(r.children, c.machine)
	}
	r.mu.Unlock()
	_ = os.RemoveAll(c.home) // files that the command made undeletable are left
	select {
	case r.ended <- struct{}{}:
	default: // one pending value is enough
	}
}

// watch waits until the command listens, and then reports where to the platform. That takes real
// time, whatever the speed of the platform's clock.
func (r *runner) watch(c *child) {
	defer r.running.Done()
	wait, deadline := 5*time.Millisecond, time.Now().Add(bootTimeout)
	for {
		if sockets, addr := listening(c.port, c.internal); addr != "" {
			r.bind(c, sockets, addr)
			return
		}
		if !deadline.IsZero() && time.Now().After(deadline) {
			deadline = time.Time{}
			r.bind(c, nil, "")
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-c.done:
			timer.Stop()
			return
		}
		wait = min(2*wait, maxPollInterval)
	}
}

// bind reports to the platform where the command listens; empty sockets mean nowhere.
func (r *runner) bind(c *child, sockets []string, addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ending {
		c.addr = addr
		_ = r.platform.Bind(c.app, c.machine, sockets) // fails only for a deleted Machine
	}
}

// continues reports whether the command belongs to the Machine's start at the given time. It
// resumes a paused command.
func (c *child) continues(started time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ending:
		return false
	case c.paused:
		c.paused, c.started = false, started
		resume(c.cmd.Process)
		return true
	}
	return c.started.Equal(started)
}

// pause stops the processes of the command, because its Machine was suspended. It reports false if
// that is not possible.
func (c *child) pause() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ending && !c.paused {
		c.paused = suspend(c.cmd.Process)
	}
	return c.paused
}

// end asks the command to end, and kills it after the timeout.
func (c *child) end(timeout time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.ending:
		c.ending, c.addr, c.allowed = true, "", timeout
		signalGroup(c.cmd.Process, c.stop.signal)
		if c.paused {
			resume(c.cmd.Process)
		}
		c.kill = time.AfterFunc(timeout, func() { killGroup(c.cmd.Process) })
	case c.kill != nil && timeout < c.allowed:
		c.allowed = timeout
		c.kill.Reset(timeout)
	}
}

// internalPort returns the Machine's port to which PORT corresponds: the one in its configuration's
// environment, else that of the first TCP service, else 8080.
func internalPort(config spec.Config) int {
	if env, err := config.Env(); err == nil {
		var port int
		if _, err := fmt.Sscanf(env["PORT"], "%d", &port); err == nil && port > 0 && port < 1<<16 {
			return port
		}
	}
	services, err := config.Services()
	if err == nil {
		for _, s := range services {
			if s.Protocol != "udp" && s.InternalPort > 0 {
				return s.InternalPort
			}
		}
	}
	return 8080
}

// stopConfig says how a program is stopped.
type stopConfig struct {
	signal  string
	timeout time.Duration
}

// readStop returns the configuration's stop_config, or Fly's default: SIGINT, and SIGKILL after
// five seconds. A number is in nanoseconds.
func readStop(config spec.Config) stopConfig {
	stop := stopConfig{"SIGINT", killTimeout}
	var in struct {
		Timeout json.RawMessage `json:"timeout"`
		Signal  string          `json:"signal"`
	}
	if raw := config.Raw("stop_config"); raw == nil || json.Unmarshal(raw, &in) != nil {
		return stop
	}
	if in.Signal != "" {
		stop.signal = in.Signal
	}
	var text string
	var number int64
	switch {
	case json.Unmarshal(in.Timeout, &text) == nil:
		if d, err := time.ParseDuration(text); err == nil && d > 0 {
			stop.timeout = d
		}
	case json.Unmarshal(in.Timeout, &number) == nil && number > 0:
		stop.timeout = time.Duration(number)
	}
	stop.timeout = min(stop.timeout, 5*time.Minute)
	return stop
}
