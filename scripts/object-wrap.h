// Included before ssh2's addon. Since Node 24.21 each wrapped object has a hook that its destructor takes off again,
// for which the collector must be inside a context. When the event loop's own task collects, it is not, and the
// process aborts ("Assertion failed: (env) != nullptr"): any time after a connection has ended. So: no hooks.
#include <node.h>
#define AddEnvironmentCleanupHook(...) ((void)0)
#define RemoveEnvironmentCleanupHook(...) ((void)0)
#include <node_object_wrap.h>
#undef AddEnvironmentCleanupHook
#undef RemoveEnvironmentCleanupHook
