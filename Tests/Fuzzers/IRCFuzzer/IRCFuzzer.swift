import FuzzSupport
import Net
import Router

// The IRC helper: a client's and a server's text, cut at any place, and attempts to use what it announces.

@_cdecl("IRCFuzzer_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    unsafe runFuzzer(count, arguments, on: FuzzRouter { $0.conntrack.helpers = [.irc: [6667]] }) { input, router in
        var talk = FuzzTalk(router, port: 6667)
        talk.converse(&input)
    }
}
