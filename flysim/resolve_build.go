package flysim

import (
	"context"
	"net/http"
	"strconv"

	graphql "github.com/graph-gophers/graphql-go"
)

// What clients send about a build. The engine needs a field for every input; the platform builds
// nothing and stores none of it.
type (
	buildOptions struct {
		BuildArgs, BuiltInSettings, ExtraBuildArgs    *scalar
		BuildPacks                                    *[]string
		Builder, BuiltIn, DockerfilePath, Tag, Target *string
		ImageLabel, ImageRef                          *string
		NoCache, Publish                              *bool
	}
	builderMeta struct {
		BuilderType                    string
		BuildkitEnabled                *bool
		DockerVersion, Platform        *string
		RemoteAppName, RemoteMachineId *graphql.ID
	}
	finalImage struct {
		ID        string
		SizeBytes scalar
		Tag       string
	}
	buildAttempt struct {
		Error, Note      *string
		Result, Strategy string
	}
	buildTimings struct {
		BuildAndPushMs, BuildMs, BuilderInitMs, ContextBuildMs, ImageBuildMs, PushMs *scalar
	}
)

// buildPayload resolves the payloads of the mutations of builds.
type buildPayload struct {
	ID               graphql.ID
	Status           string
	WallclockTimeMs  int32
	ClientMutationId *string
}

func (*root) CreateBuild(ctx context.Context, args struct {
	Input struct {
		AppName             graphql.ID
		BuilderType         string
		ClientMutationId    *string
		ImageOpts           *buildOptions
		MachineId           *graphql.ID
		StrategiesAvailable []string
	}
}) (*buildPayload, error) {
	req, in := requestOf(ctx), args.Input
	a, err := req.appForChange(string(in.AppName))
	if err != nil {
		return nil, err
	}
	b := req.platform.state.createBuild(a)
	return &buildPayload{ID: graphql.ID(b.number()), Status: b.status, ClientMutationId: in.ClientMutationId}, nil
}

func (*root) FinishBuild(ctx context.Context, args struct {
	Input struct {
		AppName             graphql.ID
		BuildId             graphql.ID
		BuilderMeta         *builderMeta
		ClientMutationId    *string
		FinalImage          *finalImage
		Logs                *string
		MachineId           *graphql.ID
		Status              string
		StrategiesAttempted *[]buildAttempt
		Timings             *buildTimings
	}
}) (*buildPayload, error) {
	req, in := requestOf(ctx), args.Input
	a, err := req.appForChange(string(in.AppName))
	if err != nil {
		return nil, err
	}
	id, _ := strconv.Atoi(string(in.BuildId)) // an id that is not a number is not found
	b, err := req.platform.state.finishBuild(a, id, in.Status)
	if err != nil {
		return nil, &apiError{http.StatusNotFound, "NOT_FOUND", "Could not find SourceBuild"}
	}
	return &buildPayload{ID: graphql.ID(b.number()), Status: b.status, ClientMutationId: in.ClientMutationId}, nil
}
