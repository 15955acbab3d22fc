package rollout

import (
	"context"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// Client is what a rollout needs of Fly; [fly.Client] has it, and documents it.
type Client interface {
	reader
	leaser
	machineChanger
	volumeCreator
	releaseRecorder
}

// reader reads what a rollout is decided and proved by.
type reader interface {
	strategyChecker
	Machines(ctx context.Context, app string) ([]fly.Machine, error)
	Machine(ctx context.Context, app, id string) (fly.Machine, error)
	Processes(ctx context.Context, app, id string) ([]fly.Process, error)
	Wait(ctx context.Context, app, id, instance, state string, within time.Duration) error
}

// strategyChecker knows which strategies Fly allows.
type strategyChecker interface {
	CanBlueGreen(ctx context.Context, app string) (bool, error)
}

// leaser takes the leases of Machines.
type leaser interface {
	LeaseHolder(ctx context.Context, app, id string) (fly.Holder, error)
	LeaseMachine(ctx context.Context, grant *gate.Grant, app, id string, ttl time.Duration,
		again func(error) error) (*fly.Lease, error)
}

// machineChanger changes Machines.
type machineChanger interface {
	UpdateMachine(ctx context.Context, grant *gate.Grant, app string, update fly.Update) (fly.Machine, error)
	CreateMachine(ctx context.Context, grant *gate.Grant, app string, machine fly.NewMachine) (fly.Machine,
		*fly.Lease, error)
	StartMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *fly.Lease) error
	StopMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *fly.Lease) error
	DestroyMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *fly.Lease) error
	CordonMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *fly.Lease) error
	UncordonMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *fly.Lease) error
	SetMachineMetadata(ctx context.Context, grant *gate.Grant, app, id, key, value string) error
}

// volumeCreator creates the volumes of new Machines.
type volumeCreator interface {
	Volumes(ctx context.Context, app string) ([]fly.Volume, error)
	CreateVolume(ctx context.Context, grant *gate.Grant, app string, volume fly.NewVolume) (fly.Volume, error)
}

// releaseRecorder records a rollout as a release.
type releaseRecorder interface {
	Releases(ctx context.Context, app string, limit int) ([]fly.Release, error)
	CreateRelease(ctx context.Context, grant *gate.Grant, app string, release fly.NewRelease) (fly.Release, error)
	UpdateRelease(ctx context.Context, grant *gate.Grant, app string, release fly.Release,
		update fly.ReleaseUpdate) error
}
