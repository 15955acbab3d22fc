package flysim

import (
	"context"
	"encoding/json"
	"net/http"

	graphql "github.com/graph-gophers/graphql-go"
)

// releaseNode resolves Release and ReleaseUnprocessed.
type releaseNode struct{ release *appRelease }

func (n *releaseNode) ID() graphql.ID             { return graphql.ID(n.release.id) }
func (n *releaseNode) Version() int32             { return int32(n.release.version) }
func (n *releaseNode) CreatedAt() scalar          { return textScalar(timestamp(n.release.created)) }
func (n *releaseNode) UpdatedAt() scalar          { return textScalar(timestamp(n.release.updated)) }
func (n *releaseNode) DeploymentStrategy() string { return n.release.strategy }
func (n *releaseNode) Description() string        { return "Release" }
func (n *releaseNode) EvaluationId() *string      { return nil }
func (n *releaseNode) ImageRef() *string          { return &n.release.image }
func (n *releaseNode) InProgress() bool           { return n.release.inProgress() }
func (n *releaseNode) Reason() string             { return "deploy" }
func (n *releaseNode) Stable() bool               { return true }
func (n *releaseNode) Status() string             { return n.release.status }
func (n *releaseNode) User() *user                { return &user{} }

func (n *releaseNode) ConfigDefinition() *scalar {
	if len(n.release.definition) == 0 {
		return nil
	}
	return &scalar{n.release.definition}
}

// releaseCursor returns the cursor of a release in a list.
func releaseCursor(n *releaseNode) string { return n.release.id }

// imageNode resolves Image.
type imageNode struct{ image imageRef }

func (n *imageNode) ID() graphql.ID             { return graphql.ID("img_" + n.Digest()[7:23]) }
func (n *imageNode) Ref() string                { return n.image.String() }
func (n *imageNode) CompressedSize() int32      { return 41_252_864 }
func (n *imageNode) CompressedSizeFull() scalar { return textScalar("41252864") }
func (n *imageNode) Manifest() scalar           { return scalar{json.RawMessage("{}")} }
func (n *imageNode) Registry() string           { return n.image.registry }
func (n *imageNode) Repository() string         { return n.image.repository }
func (n *imageNode) Tag() *string               { return &n.image.tag }

func (n *imageNode) Digest() string {
	if len(n.image.digest) > 23 {
		return n.image.digest
	}
	return digestOf(n.image.String())
}

type createReleaseArgs struct {
	Input struct {
		AppId            graphql.ID
		BuildId          *graphql.ID
		ClientMutationId *string
		Definition       scalar
		Image            string
		PlatformVersion  string
		Strategy         string
	}
}

func (*root) CreateRelease(ctx context.Context, args createReleaseArgs) (*createReleasePayload, error) {
	req, in := requestOf(ctx), args.Input
	a, err := req.appForChange(string(in.AppId))
	if err != nil {
		return nil, err
	}
	definition := in.Definition.RawMessage
	var text string
	if json.Unmarshal(definition, &text) == nil && json.Valid([]byte(text)) {
		definition = json.RawMessage(text) // some clients send the document as a string
	}
	r, err := req.platform.state.createRelease(a, in.Image, in.Strategy, definition, req.plan, req.now)
	if err != nil {
		return nil, err
	}
	return &createReleasePayload{appPayload{app: &appNode{req: req, app: a, fresh: true},
		mutation: in.ClientMutationId}, &releaseNode{r}}, nil
}

type updateReleaseArgs struct {
	Input struct {
		ClientMutationId *string
		Metadata         *scalar
		ReleaseId        graphql.ID
		Status           *string
	}
}

func (*root) UpdateRelease(ctx context.Context, args updateReleaseArgs) (*updateReleasePayload, error) {
	req, in := requestOf(ctx), args.Input
	r := req.platform.state.releases[string(in.ReleaseId)]
	if r == nil {
		return nil, &apiError{http.StatusNotFound, "NOT_FOUND", "Could not find Release"}
	}
	if _, err := req.appForChange(r.app.name); err != nil {
		return nil, err
	}
	var metadata json.RawMessage
	if in.Metadata != nil {
		metadata = in.Metadata.RawMessage
	}
	if err := r.update(deref(in.Status), metadata, req.now); err != nil {
		return nil, err
	}
	return &updateReleasePayload{release: &releaseNode{r}, mutation: in.ClientMutationId}, nil
}

type createReleasePayload struct {
	appPayload
	release *releaseNode
}

func (p *createReleasePayload) Release() *releaseNode { return p.release }

type updateReleasePayload struct {
	release  *releaseNode
	mutation *string
}

func (p *updateReleasePayload) Release() *releaseNode     { return p.release }
func (p *updateReleasePayload) ClientMutationId() *string { return p.mutation }
