import FuzzSupport
import Net
import Router

// The TFTP helper: datagrams of any kind in both directions, answers from any port.

@_cdecl("TFTPFuzzer_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    unsafe runFuzzer(count, arguments, on: FuzzRouter { $0.conntrack.helpers = [.tftp: [69]] }) { input, router in
        exchangeDatagrams(router, port: 69, &input)
    }
}
