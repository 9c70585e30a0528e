import { ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import { refusalOf } from "../../../loopback.ts";

/** The front of all servers of this machine for gRPC; `onCall` hears of the peer of each call, refused or not. */
export function loopbackFront(onCall: (peer: string) => void): ServerInterceptor {
  return (_method, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        onCall(call.getPeer());
        next({
          onReceiveMetadata(metadata, pass) {
            const header = (name: string) => metadata.get(name)[0]?.toString();
            const caller = { host: call.getHost(), origin: header("origin"), site: header("sec-fetch-site") };
            const details = refusalOf(caller);
            if (details) call.sendStatus({ code: status.PERMISSION_DENIED, details });
            else pass(metadata);
          },
        });
      },
    });
}
