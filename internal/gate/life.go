package gate

// RequestLife is how long after it was filed a request can be approved in a
// terminal, and the approval counts.
const RequestLife = requestLife
