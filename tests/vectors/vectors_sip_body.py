"""XML bodies as docs/protocol/ocs.md shows them, in the order and with the namespaces that it gives."""
NS = "http://schemas.microsoft.com/2006/09/sip/"
STATE = f'<state xmlns="{NS}state" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="aggregateState"><availability>3500</availability></state>'
SOAP = '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body>{}</Body></Envelope>'
M = "http://schemas.microsoft.com/winrtc/2002/11/sip"


P = "http://schemas.microsoft.com/2002/09/sip/presence"
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def older():
    """The dialect of Live Communications Server 2005."""
    device = f'<deviceName xmlns="{P}" name="PC"/>'
    yield (f'<presentity xmlns="{P}" uri="ben@corp.test"><availability aggregate="300" description="" epid="0b"/><activity aggregate="600" '
           'description="" epid="0b"/><displayName displayName="Ben &amp; co"/><email email="ben@corp.test"/><phoneNumber label="" number="+1"/>'
           f'<userInfo><note>at \u00e9 lunch</note><states><state avail="9500" since="2010-05-04T09:12:00Z" validWith="any-device" '
           f'deviceId="0b" set="manual" {XSI} xsi:type="userState">do-not-disturb</state></states><oof xmlns="{P}"/></userInfo>'
           '<devices><devicePresence epid="0b" ageOfPresence="30"><availability aggregate="300" description="online"/>'
           f'<activity aggregate="600" description="Busy" note="n"/>{device}</devicePresence></devices></presentity>',
           "presentity uri=ben@corp.test [availability aggregate=300 description= epid=0b] [activity aggregate=600 description= epid=0b] "
           "[displayName displayName=Ben & co] [email email=ben@corp.test] [phoneNumber label= number=+1] [userInfo note=at \u00e9 lunch "
           "[states [state avail=9500 since=2010-05-04T09:12:00Z validWith=any-device deviceId=0b set=manual xsi:type=userState "
           f'"do-not-disturb"]] {{<oof xmlns="{P}"/>}}] [devices [devicePresence epid=0b ageOfPresence=30 [availability aggregate=300 '
           f"description=online] [activity aggregate=600 description=Busy note=n] {{{device}}}]]")
    yield (f'<presentity xmlns="{P}" uri="ben@corp.test"><availability aggregate="0" description=""/><activity aggregate="0" description=""/>'
           '<displayName displayName="Ben"/></presentity>',
           "presentity uri=ben@corp.test [availability aggregate=0 description=] [activity aggregate=0 description=] [displayName displayName=Ben]")
    yield (SOAP.format(f'<setPresence xmlns="{M}"><presentity uri="sip:ben@corp.test"><availability aggregate="300"/><activity aggregate="400"/>'
                       f'<userInfo xmlns="{P}"><note>here</note></userInfo>{device}</presentity></setPresence>'),
           "Envelope [Body [setPresence [presentity uri=sip:ben@corp.test [availability aggregate=300] [activity aggregate=400] "
           f"[userInfo note=here] {{{device}}}]]]")
    yield (SOAP.format(f'<getPresence xmlns="{M}"><presentity uri="sip:ben@corp.test"/></getPresence>'),
           "Envelope [Body [getPresence [presentity uri=sip:ben@corp.test]]]")
    yield (SOAP.format(f'<setACE xmlns="{M}"><type>USER</type><mask>sip:ben@corp.test</mask><rights>BD</rights><deltaNum>2</deltaNum></setACE>'),
           "Envelope [Body [setACE type=USER mask=sip:ben@corp.test rights=BD deltaNum=2]]")
    yield ('<ACLlist deltaNum="282"><userACL><ace type="USER" mask="sip:ben@corp.test" rights="AA"/><ace type="ALL" mask="" rights="PA"/></userACL></ACLlist>',
           "ACLlist deltaNum=282 [userACL [ace type=USER mask=sip:ben@corp.test rights=AA] [ace type=ALL mask= rights=PA]]")
    yield ('<watchers><watcher uri="sip:ben@corp.test" displayName="Ben"/></watchers>', "watchers [watcher uri=sip:ben@corp.test displayName=Ben]")
    yield ('<adhoclist xmlns="urn:ietf:params:xml:ns:adrl" uri="sip:ana@corp.test" name="sip:ana@corp.test"><create xmlns="">'
           '<resource uri="sip:ben@corp.test"/><resource uri="sip:c@corp.test"/></create></adhoclist>',
           "adhoclist uri=sip:ana@corp.test name=sip:ana@corp.test [create [resource uri=sip:ben@corp.test] [resource uri=sip:c@corp.test]]")
    yield ('<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:ana@corp.test" version="1" fullState="true"><resource uri="sip:ben@corp.test">'
           '<instance id="0" state="active" cid="ben@corp.test"/></resource></list>',
           "list uri=sip:ana@corp.test version=1 fullState [resource uri=sip:ben@corp.test [instance id=0 state=active cid=ben@corp.test]]")
    yield ('<provisioning><user uri="sip:ana@corp.test"/></provisioning>', "provisioning [user uri=sip:ana@corp.test]")
    yield ('<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:ben@corp.test"><tuple id="0"><status><basic>open</basic>'
           '<activities xmlns="urn:ietf:params:xml:ns:pidf:status:rpid"><activity>busy</activity></activities></status></tuple><note>here</note></presence>',
           "presence entity=sip:ben@corp.test [tuple id=0 [status basic=open [activities activity=busy]]] note=here")


def bodies():
    yield ('<contactList deltaNum="7"><group id="1" name="~" externalURI=""/><group id="2" name="R&amp;D" externalURI=""/>'
           '<contact uri="ben@corp.test" name="B&quot;" groups="1 2" subscribed="true" externalURI="" tag="true"/></contactList>',
           'contactList deltaNum=7 [group id=1 name=~ externalURI=] [group id=2 name=R&D externalURI=] '
           '[contact uri=ben@corp.test name=B" groups=1 2 subscribed externalURI= tag=true]')
    yield ('<contactDelta deltaNum="8" prevDeltaNum="7"><addedGroup id="3" name="x" externalURI=""/><deletedGroup id="2"/>'
           '<modifiedContact uri="sip:ben@corp.test" name="" groups="1" subscribed="false" externalURI=""/><deletedContact uri="sip:c@corp.test"/></contactDelta>',
           "contactDelta deltaNum=8 prevDeltaNum=7 [addedGroup id=3 name=x externalURI=] [deletedGroup id=2] "
           "[modifiedContact uri=sip:ben@corp.test name= groups=1 externalURI=] [deletedContact uri=sip:c@corp.test]")
    yield (f'<categories xmlns="{NS}categories" uri="sip:ben@corp.test"><category name="state" instance="1" publishTime="2010-05-04T09:12:00.000">'
           f"{STATE}</category></categories>",
           f"categories uri=sip:ben@corp.test [category name=state instance=1 publishTime=2010-05-04T09:12:00.000 {{{STATE}}}]")
    yield (f'<publish xmlns="{NS}rich-presence"><publications uri="sip:ana@corp.test"><publication categoryName="state" instance="536870912" '
           f'container="2" version="0" expireType="static">{STATE}</publication><publication categoryName="note" instance="0" container="200" version="3"/>'
           "</publications></publish>",
           "publish [publications uri=sip:ana@corp.test [publication categoryName=state instance=536870912 container=2 version=0 expireType=static "
           f"{{{STATE}}}] [publication categoryName=note instance=0 container=200 version=3]]")
    yield (f'<roamingData xmlns="{NS}roaming-self"><categories xmlns="{NS}categories" uri="sip:ana@corp.test"/><containers xmlns="{NS}containers">'
           '<container id="200" version="1"><member type="sameEnterprise"/></container></containers>'
           f'<subscribers xmlns="{NS}presence-subscribers"><subscriber user="ben@corp.test" displayName="Ben" acknowledged="false" '
           'type="sameEnterprise"/></subscribers></roamingData>',
           "roamingData [categories uri=sip:ana@corp.test] [containers [container id=200 version=1 [member type=sameEnterprise]]] "
           "[subscribers [subscriber user=ben@corp.test displayName=Ben type=sameEnterprise]]")
    yield (f'<roamingList xmlns="{NS}roaming-self"><roaming type="categories"/><roaming type="containers"/></roamingList>',
           "roamingList [roaming type=categories] [roaming type=containers]")
    yield ('<batchSub xmlns="http://schemas.microsoft.com/2006/01/sip/batch-subscribe" uri="sip:ana@corp.test" name=""><action name="subscribe" '
           'id="63792024"><adhocList><resource uri="sip:ben@corp.test"/><resource uri="sip:c@corp.test"><context/></resource></adhocList>'
           f'<categoryList xmlns="{NS}categorylist"><category name="state"/></categoryList></action></batchSub>',
           "batchSub uri=sip:ana@corp.test name= [action name=subscribe id=63792024 [adhocList [resource uri=sip:ben@corp.test] "
           "[resource uri=sip:c@corp.test [context]]] [categoryList [category name=state]]]")
    yield (f'<setSubscribers xmlns="{NS}presence-subscribers"><subscriber user="ben@corp.test" acknowledged="true"/></setSubscribers>',
           "setSubscribers [subscriber user=ben@corp.test acknowledged]")
    yield (f'<setContainerMembers xmlns="{NS}container-management"><container id="32000" version="0"><member action="add" type="user" '
           'value="ben@corp.test"/></container></setContainerMembers>',
           "setContainerMembers [container id=32000 version=0 [member action=add type=user value=ben@corp.test]]")
    yield (f'<Fault xmlns="{NS}fault"><Faultcode>Client.BadCall.WrongDelta</Faultcode><details><operation index="0" curVersion="4"/></details></Fault>',
           "Fault Faultcode=Client.BadCall.WrongDelta [details [operation index=0 curVersion=4]]")
    yield (f'<provisionGroupList xmlns="{NS}provisiongrouplist-notification"><provisionGroup name="ServerConfiguration"/></provisionGroupList>',
           "provisionGroupList [provisionGroup name=ServerConfiguration]")
    yield ('<KeyboardActivity><status status="type"/></KeyboardActivity>', "KeyboardActivity [status status=type]")
    yield (SOAP.format(f'<setContact xmlns="{M}"><displayName>B&amp;n</displayName><groups>1</groups><subscribed>true</subscribed>'
                       '<URI>sip:ben@corp.test</URI><externalURI></externalURI><tag>true</tag><deltaNum>7</deltaNum></setContact>'),
           "Envelope [Body [setContact displayName=B&n groups=1 subscribed URI=sip:ben@corp.test externalURI= tag=true deltaNum=7]]")
    yield (SOAP.format(f'<deleteContact xmlns="{M}"><URI>sip:ben@corp.test</URI><deltaNum>7</deltaNum></deleteContact>'),
           "Envelope [Body [deleteContact URI=sip:ben@corp.test deltaNum=7]]")
    yield (SOAP.format(f'<addGroup xmlns="{M}"><name>Work</name><externalURI></externalURI><deltaNum>7</deltaNum></addGroup>'),
           "Envelope [Body [addGroup name=Work externalURI= deltaNum=7]]")
    yield (SOAP.format(f'<modifyGroup xmlns="{M}"><groupID>2</groupID><name>Job</name><externalURI></externalURI><deltaNum>7</deltaNum></modifyGroup>'),
           "Envelope [Body [modifyGroup groupID=2 name=Job externalURI= deltaNum=7]]")
    yield (SOAP.format(f'<deleteGroup xmlns="{M}"><groupID>2</groupID><deltaNum>7</deltaNum></deleteGroup>'),
           "Envelope [Body [deleteGroup groupID=2 deltaNum=7]]")
    yield (SOAP.format(f'<directorySearch xmlns="{M}"><moreAvailable>true</moreAvailable></directorySearch><Array xmlns="{M}"><row '
                       'uri="sip:ben@corp.test" displayName="Ben" email="ben@corp.test"/></Array>'),
           "Envelope [Body [directorySearch moreAvailable] [Array [row uri=sip:ben@corp.test displayName=Ben email=ben@corp.test]]]")


FOCUS = "sip:ana@corp.test;gruu;opaque=app:conf:focus:id:0A1B2C3D"
CHAT = FOCUS.replace("focus", "chat")
EXTENSION = "http://schemas.microsoft.com/rtc/2005/08/confinfoextensions"
INFO = "urn:ietf:params:xml:ns:conference-info"


def cccp(kind, words, body, attributes=""):
    return f'<{kind} xmlns="urn:ietf:params:xml:ns:cccp" C3PVersion="1" to="{FOCUS}" from="sip:ana@corp.test" requestId="7"{attributes}>{body}</{kind}>', \
        f"{kind} C3PVersion=1 to={FOCUS} from=sip:ana@corp.test requestId=7{words}"


def conferences():
    user = (f'<user entity="sip:ben@corp.test" state="full"><display-text>Ben &lt;B&gt;</display-text><roles><entry>attendee</entry></roles>'
            f'<endpoint entity="{{1F}}" xmlns:msci="{EXTENSION}" msci:session-type="focus"><status>connected</status></endpoint>'
            f'<endpoint entity="{{1F}}" xmlns:msci="{EXTENSION}" msci:session-type="chat"><status>connected</status><joining-method>dialed-in</joining-method>'
            '</endpoint></user>')
    shown = ('[user entity=sip:ben@corp.test state=full display-text=Ben <B> [roles [entry "attendee"]] [endpoint entity={1F} msci:session-type=focus '
             'status=connected] [endpoint entity={1F} msci:session-type=chat status=connected joining-method=dialed-in]]')
    yield (f'<conference-info xmlns="{INFO}" entity="{FOCUS}" state="full" version="1"><conference-description><subject>plan &amp; tea</subject>'
           f'<conf-uris><entry><uri>{CHAT}</uri><purpose>chat</purpose></entry></conf-uris><conference-id xmlns="{EXTENSION}">0A1B2C3D</conference-id>'
           f'</conference-description><users state="full">{user}</users><conference-view xmlns="{EXTENSION}"><entity-view entity="{CHAT}"><entity-state>'
           f'<locked>true</locked><media><entry xmlns="{INFO}" label="chat"><type>chat</type></entry></media></entity-state></entity-view>'
           '</conference-view></conference-info>',
           f'conference-info entity={FOCUS} state=full version=1 [conference-description subject=plan & tea [conf-uris [entry uri={CHAT} purpose=chat]] '
           f'[conference-id "0A1B2C3D"]] [users state=full {shown}] [conference-view [entity-view entity={CHAT} [entity-state locked=true '
           '[media [entry label=chat type=chat]]]]]')
    yield (f'<conference-info xmlns="{INFO}" entity="{FOCUS}" state="partial" version="4"><users state="partial"><user entity="sip:ben@corp.test" '
           'state="deleted"/></users></conference-info>',
           f"conference-info entity={FOCUS} state=partial version=4 [users state=partial [user entity=sip:ben@corp.test state=deleted]]")
    keys = f'<conferenceKeys confEntity="{FOCUS}"/>'
    user_keys = f'<userKeys confEntity="{FOCUS}" userEntity="sip:ben@corp.test"/>'
    yield cccp("request", f' [addConference [conference-info entity= [conference-description subject=s [conference-id "0A1B2C3D"] '
               '[admission-policy "openAuthenticated"]]]]',
               f'<addConference><conference-info xmlns="{INFO}" entity=""><conference-description><subject>s</subject>'
               f'<conference-id xmlns="{EXTENSION}">0A1B2C3D</conference-id><admission-policy xmlns="{EXTENSION}">openAuthenticated</admission-policy>'
               '</conference-description></conference-info></addConference>')
    yield cccp("response", f" code=success [addUser [conferenceKeys confEntity={FOCUS}] [user entity=sip:ana@corp.test [roles [entry \"presenter\"]]]]",
               f'<addUser>{keys}<user xmlns="{INFO}" entity="sip:ana@corp.test"><roles><entry>presenter</entry></roles></user></addUser>', ' code="success"')
    yield cccp("request", f" [deleteUser [userKeys confEntity={FOCUS} userEntity=sip:ben@corp.test]]", f"<deleteUser>{user_keys}</deleteUser>")
    yield cccp("response", f" code=failure [deleteUser reason=unauthorized [userKeys confEntity={FOCUS} userEntity=sip:ben@corp.test]]",
               f'<deleteUser reason="unauthorized">{user_keys}</deleteUser>', ' code="failure"')
    yield cccp("request", f" [modifyUserRoles [userKeys confEntity={FOCUS} userEntity=sip:ben@corp.test] [user-roles [entry \"presenter\"]]]",
               f'<modifyUserRoles>{user_keys}<user-roles xmlns="{INFO}"><entry>presenter</entry></user-roles></modifyUserRoles>')
    yield cccp("request", f" [modifyConferenceLock [conferenceKeys confEntity={FOCUS}] locked]",
               f"<modifyConferenceLock>{keys}<locked>true</locked></modifyConferenceLock>")
    yield cccp("request", f" [deleteConference [conferenceKeys confEntity={FOCUS}]]", f"<deleteConference>{keys}</deleteConference>")
    yield cccp("response", ' code=success [getConferencingCapabilities [mcu-types [mcuType "chat"]]]',
               "<getConferencingCapabilities><mcu-types><mcuType>chat</mcuType></mcu-types></getConferencingCapabilities>", ' code="success"')
    yield (f'<Conferencing version="2.0"><focus-uri>{FOCUS}</focus-uri><subject>plan</subject><im available="true"/></Conferencing>',
           f"Conferencing version=2.0 focus-uri={FOCUS} subject=plan [im available]")
    factory = "sip:ana@corp.test;gruu;opaque=app:conf:focusfactory"
    yield (f'<provisionGroupList xmlns="{NS}provisiongrouplist-notification"><provisionGroup name="ServerConfiguration"><focusFactoryUri>{factory}'
           "</focusFactoryUri></provisionGroup></provisionGroupList>",
           f"provisionGroupList [provisionGroup name=ServerConfiguration focusFactoryUri={factory}]")


def vectors():
    for xml, text in [*bodies(), *older(), *conferences()]:
        yield xml.encode(), text
