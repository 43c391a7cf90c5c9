# Applications by the names of hosts and by first octets. docs/signatures.md describes the language.
# A name stands for itself and all below it; `=name` for itself alone. The longest name wins.

# --- Tencent ---
app wechat host weixin.qq.com wx.qq.com wx2.qq.com wx8.qq.com wechat.com weixinbridge.com wxapp.tc.qq.com servicewechat.com
app wechat host weixin110.qq.com wxs.qq.com mmbiz.qpic.cn mmbiz.qlogo.cn wx.qlogo.cn wxpay.com tenpay.com wechatpay.cn wechatapp.com
app wechat host weixin.com short.weixin.qq.com long.weixin.qq.com extshort.weixin.qq.com wxsmw.wxs.qq.com mmsns.qpic.cn vweixinf.tc.qq.com
app wecom host work.weixin.qq.com wecom.work wxwork.com wwcdn.weixin.qq.com exmail.weixin.qq.com rescdn.qqmail.com wework.qpic.cn
app qq host im.qq.com qzone.qq.com qzone.com qzonestyle.gtimg.cn qun.qq.com ptlogin2.qq.com ssl.ptlogin2.qq.com tim.qq.com connect.qq.com
app qq host graph.qq.com msfwifi.3g.qq.com msfxg.3g.qq.com sz.tencent.com xui.ptlogin2.qq.com ti.qq.com vip.qq.com qlogo.cn guild.qq.com
app qq host aq.qq.com photo.store.qq.com grouptalk.c2c.qq.com oicq.com groupprohttp.qq.com url.cn htdata.qq.com
app qq-mail host mail.qq.com exmail.qq.com foxmail.com smtp.qq.com imap.qq.com pop.qq.com mail.foxmail.com wx.mail.qq.com
app qq-music host y.qq.com music.qq.com stream.qqmusic.qq.com qqmusic.qq.com music.tc.qq.com y.gtimg.cn tencentmusic.com joox.com kg.qq.com
app tencent-meeting host meeting.tencent.com meeting.qq.com voovmeeting.com wemeet.tencent.com meeting-api.tencent.com wemeet.qq.com wemeetcdn.com
app tencent-video host v.qq.com video.qq.com live.qq.com vd.l.qq.com ltsyd.qq.com wetv.vip puui.qpic.cn vm.gtimg.cn video.gtimg.com tc.qq.com
app tencent-games host game.qq.com gamer.qq.com games.qq.com igame.qq.com wegame.com wegame.com.cn pvp.qq.com gcloud.qq.com gp.qq.com lol.qq.com
app tencent-games host cf.qq.com dnf.qq.com pubgmobile.com igamecj.com anticheatexpert.com gameloop.com tencentgames.com levelinfinite.com intlgame.com gpubgm.com proximabeta.com
app tencent-cloud host myqcloud.com tencentcloudapi.com cloud.tencent.com qcloud.com tencentcloud.com tencentcos.cn tencent-cloud.net dnspod.cn dnspod.com tencentyun.com tencentcs.com trtc.tencent-cloud.com
app tencent-cloud host qcloudcdn.com cdntip.com tdnsv5.com dnsv1.com tencent-cloud.com tcdnos.com edgeone.ai eo.dnse0.com
app tencent host qq.com tencent.com gtimg.com gtimg.cn qpic.cn idqqimg.com gtimg.com.cn tencent.cn qq.com.cn 3gqq.com tencent-cdn.com bugly.qq.com pingtas.qq.com myapp.com weiyun.com
app sogou host sogou.com sogoucdn.com soso.com sogo.com

# --- Alibaba ---
app dingtalk host dingtalk.com dingtalkapps.com dingding.com dingtalk.net dingtalk.com.cn dingtalkcloud.com dtalk.cn dingtalk.cn
app alipay host alipay.com alipayobjects.com alipay.cn antgroup.com antfin.com alipaydns.com alipay-eco.com mybank.cn alipayplus.com antchain.net antfortune.com
app taobao host taobao.com tmall.com tbcdn.cn taobaocdn.com tmall.hk taobao.net tanx.com mmstat.com tmall.com.cn 1688.com etao.com alitrip.com fliggy.com goofish.com xianyu.com taopiaopiao.com
app aliyun host aliyun.com aliyuncs.com alicdn.com.cn alibabacloud.com aliyun-inc.com alikunlun.com kunlunar.com kunlunca.com kunlunsl.com kunlunaq.com alibabadns.com alidns.com hichina.com net.cn aliyuncsslb.com alicloudccp.com aliyundrive.com aliyundrive.net alipan.com
app aliyun host aliyundunwaf.com cdngslb.com queniucf.com queniuak.com tbcache.com aliyundoc.com alicloudapi.com mpaas.cn-hangzhou.aliyuncs.com
app alibaba host alibaba.com alicdn.com alibaba-inc.com alibabagroup.com aliimg.com ialicdn.com alibabausercontent.com lazada.com uc.cn ucweb.com sm.cn umeng.com umengcloud.com umindex.com quark.cn qianwen.com tongyi.com
app youku host youku.com tudou.com ykimg.com youku.tv soku.com
app amap host amap.com autonavi.com gaode.com
app cainiao host cainiao.com
app eleme host ele.me eleme.cn elemecdn.com
app aliexpress host aliexpress.com aliexpress-media.com aliexpress.ru ae01.alicdn.com

# --- ByteDance ---
app feishu host feishu.cn feishu.net feishucdn.com larksuite.com larkoffice.com larksuitecdn.com feishuapp.cn feishupkg.com larkcloud.com larkenterprise.com larkofficecdn.com feishuimg.com
app douyin host douyin.com iesdouyin.com douyincdn.com douyinpic.com douyinvod.com amemv.com douyinstatic.com douyinliving.com douyinec.com idouyinvod.com huoshan.com huoshanzhibo.com douyinpay.com huoshanlive.com
app toutiao host toutiao.com toutiaocdn.com toutiaoimg.com toutiaoapi.com toutiaovod.com toutiaostatic.com ixigua.com ixiguavideo.com pstatp.com toutiao.net wukong.com dcdapp.com dongchedi.com
app tiktok host tiktok.com tiktokv.com tiktokcdn.com tiktokcdn-us.com musical.ly muscdn.com tiktokv.us tiktokcdn-eu.com ttwstatic.com tiktokv.eu ibytedtos.com ttlivecdn.com tiktokpangle.us byteoversea.com ttdns2.com
app capcut host capcut.com capcutapi.com jianying.com vlabstatic.com capcutcdn.com faceu.net
app volcengine host volcengine.com volces.com volccdn.com volcengineapi.com volcvideo.com volcalb.com volcfcdn.com bytecdn.cn
app doubao host doubao.com coze.cn coze.com dola.com
app bytedance host bytedance.com byted.org bytedance.net byteimg.com bytecdntp.com snssdk.com zijieapi.com bytescm.com bytegoofy.com bytetos.com bytefcdn.com byteeffecttos.com bytedanceapi.com bytednsdoc.com bytegecko.com ibyteimg.com zjurl.cn fqnovel.com fanqienovel.com pangolin-sdk-toutiao.com isnssdk.com bytedapm.com

# --- Baidu ---
app baidu-netdisk host pan.baidu.com yun.baidu.com pcs.baidu.com baidupcs.com pcsdata.baidu.com baiduyun.com d.pcs.baidu.com dubox.com terabox.com 1024tera.com
app baidu-cloud host cloud.baidu.com baidubce.com bcebos.com bceapp.com bcehost.com jomodns.com yunjiasu-cdn.net baiduyuncdn.com bdydns.com bdycdn.cn
app baidu host baidu.com bdstatic.com bdimg.com baidustatic.com hao123.com baidu.cn nuomi.com baifubao.com duxiaoman.com bdurl.net baidu-int.com baiducontent.com apollo.auto xiaodu.com tieba.com baidu.jp baidu-mgame.com yiyan.baidu.com

# --- Video, music, news and social services of China ---
app iqiyi host iqiyi.com iqiyipic.com qiyi.com qiyipic.com qy.net iq.com pps.tv ppstream.com iqiyi.cn 71.am
app bilibili host bilibili.com bilivideo.com bilivideo.cn hdslb.com biliapi.net biliapi.com bilicdn1.com b23.tv acgvideo.com biligame.com biligame.net mincdn.com bilicomic.com bilibili.tv bilibili.cn bilicdn2.com
app kuaishou host kuaishou.com gifshow.com ksapisrv.com yximgs.com kwaicdn.com kwimgs.com kuaishouzt.com kwai.com kwai.net kuaishoupay.com kwaizt.com ksyun.com.cn chenzhongtech.com acfun.cn ndcimgs.com aixifan.com kwai-pro.com
app xiaohongshu host xiaohongshu.com xhscdn.com xhslink.com xhscdn.net fegine.com
app weibo host weibo.com weibo.cn weibocdn.com sinaimg.cn t.cn weico.cc wbimg.cn
app sina host sina.com.cn sina.com sina.cn sinajs.cn sinaedge.com sinastorage.com sinanode.com
app sohu host sohu.com sohucs.com itc.cn sohu-inc.com sohuno.com
app netease-music host music.163.com music.126.net interface.music.163.com iplay.163.com interface3.music.163.com
app netease-mail host mail.163.com mail.126.com qiye.163.com smtp.163.com imap.163.com pop.163.com mailstatic.163.com yeah.net 188.com smtp.126.com ym.163.com
app netease-games host game.163.com update.netease.com easebar.com unisdk.nie.netease.com nie.netease.com neteasegames.com cc.163.com nie.163.com matrix.netease.com
app netease host 163.com 126.com 126.net 127.net netease.com ydstatic.com youdao.com lofter.com kaola.com neteaseim.com yunxinapi.com you.163.com netease.im 163yun.com
app zhihu host zhihu.com zhimg.com zhihu.dev
app douban host douban.com doubanio.com douban.fm
app mango-tv host mgtv.com hunantv.com hitv.com imgo.tv
app huya host huya.com msstatic.com huya.tv nimo.tv
app douyu host douyu.com douyucdn.cn douyucdn2.cn douyutv.com douyuscdn.com
app yy host yy.com duowan.com yystatic.com yyclouds.com bigo.sg
app ximalaya host ximalaya.com xmcdn.com himalaya.com
app kugou host kugou.com kgimg.com kugou.net fxwork.kugou.com
app kuwo host kuwo.cn kuwo.com kwcdn.kuwo.cn
app xunlei host xunlei.com sandai.net xunlei.net kankan.com xlpan.com xbase.cloud
app migu host migu.cn miguvideo.com migucloud.com cmvideo.cn
app cctv host cctv.com cntv.cn cctv.cn cctvpic.com yangshipin.cn
app xinhua host xinhuanet.com news.cn xinhua.org xinhuamm.net
app people-cn host people.com.cn people.cn

# --- Trade, travel, money in China ---
app jd host jd.com 360buyimg.com jd.hk jdcloud.com 360buy.com jdcache.com jdpay.com jd.id jcloudcs.com jdcloud-api.com jddglobal.com jdl.com jdwl.com joybuy.com
app pinduoduo host pinduoduo.com yangkeduo.com pddpic.com pinduoduo.net pddugc.com pddapi.com
app temu host temu.com kwcdn.com temu.to
app shein host shein.com sheingsp.com ltwebstatic.com romwe.com
app meituan host meituan.com meituan.net dianping.com dpfile.com sankuai.com mobike.com maoyan.com
app didi host didiglobal.com xiaojukeji.com didichuxing.com didistatic.com udache.com 99app.com
app ctrip host ctrip.com trip.com qunar.com qunarzz.com tripcdn.com c-ctrip.com tripadvisor.cn ctripcorp.com
app china-railway host 12306.cn 95306.cn china-railway.com.cn
app vip-shop host vip.com vipshop.com vipstatic.com appvipshop.com
app 58-com host 58.com 58cdn.com.cn ganji.com anjuke.com zhuanzhuan.com 58v5.cn
app unionpay host unionpay.com 95516.com chinaums.com unionpayintl.com chinaunionpay.com
app icbc host icbc.com.cn icbc.com
app ccb host ccb.com ccb.cn ccb.com.cn
app abchina host abchina.com abchina.com.cn 95599.cn
app boc host boc.cn bankofchina.com bocmacau.com
app cmb host cmbchina.com cmbimg.com paas.cmbchina.com

# --- Makers and infrastructure of China ---
app huawei-cloud host huaweicloud.com myhuaweicloud.com hwcloudcdn.com hwclouds-dns.com hwcdnbackip.com hwcloudlive.com hwclouds.com huaweicloud-dns.cn cdnhwc1.com cdnhwc2.com cdnhwc3.com
app huawei host huawei.com hicloud.com vmall.com dbankcloud.com dbankcloud.cn dbankcdn.com dbankedge.net harmonyos.com huaweistatic.com hwccpc.com dbank.com petalsearch.com huawei.ru
app xiaomi host xiaomi.com mi.com xiaomi.net miui.com mi-img.com xiaomi.cn mi-fds.com mi-idc.com xiaomicp.com duokan.com miwifi.com xiaomiyoupin.com mi-ae.com.cn
app oppo host oppo.com heytap.com oppomobile.com coloros.com realme.com heytapmobi.com heytapimage.com heytapdl.com myoppo.com heytapcs.com nearme.com.cn
app vivo host vivo.com vivo.com.cn vivoglobal.com vivo.xyz vivoxglobal.com bbk.com
app honor host hihonor.com hihonorcloud.com honor.cn hihonorcdn.com
app lenovo host lenovo.com lenovo.com.cn lenovo.net lenovomm.com lenovomm.cn zui.com motorola.com
app qihoo-360 host 360.cn 360.com qhimg.com qhres.com 360safe.com so.com qihoo.com qhupdate.com 360kuai.com qhmsg.com 360tpcdn.com 360totalsecurity.com qikoo.com haosou.com qhimgs4.com
app wps host wps.cn wps.com kdocs.cn wpscdn.cn kingsoft.com ksord.com duba.com ijinshan.com wpscdn.com wpsplus.com kso.net wpsgo.com kingsoftstore.com
app china-mobile host 10086.cn chinamobile.com cmpassport.com 139.com ecloud.10086.cn and-fetion.com.cn cmcc.in
app china-telecom host 189.cn chinatelecom.com.cn chinatelecom.cn ctyun.com.cn ct10000.com vnet.cn 21cn.com e.189.cn
app tianyi-cloud host ctyun.cn cloud.189.cn ctyuncdn.net ctycdn.com ctdns.cn ctlcdn.com
app china-unicom host 10010.com chinaunicom.com chinaunicom.cn wo.com.cn wo.cn unicompayment.com 10010.cn
app tuya host tuya.com tuyacn.com tuyaeu.com tuyaus.com tuyain.com iotbing.com tuyasmart.com wgine.com
app sunlogin host oray.com oray.net sunlogin.oray.com vicp.net pgyvpn.com orayimg.com
app todesk host todesk.com todesk.cn
app hikvision host hikvision.com ys7.com hik-connect.com ezvizlife.com hikcloud.com hik-online.com ezviz.com
app dahua host dahuatech.com dahuasecurity.com imou.com lechange.cn easy4ip.com easy4ipcloud.com imoulife.com
app qianxin host qianxin.com qianxin-inc.cn qax.net tianqing.cn
app sangfor host sangfor.com.cn sangfor.com sangforcloud.com
app csdn host csdn.net csdnimg.cn gitcode.com gitcode.net
app gitee host gitee.com gitee.io oschina.net oscimg.oschina.net
app deepseek host deepseek.com deepseek.cn
app kimi host kimi.com moonshot.cn moonshot.ai kimi.ai
app zhipu host bigmodel.cn zhipuai.cn chatglm.cn z.ai
app zalo host zalo.me zaloapp.com zadn.vn zdn.vn chat.zalo.me

# --- Google ---
app youtube host youtube.com googlevideo.com ytimg.com youtu.be youtube-nocookie.com yt3.ggpht.com youtubei.googleapis.com youtubekids.com youtubeeducation.com wide-youtube.l.google.com ytimg.l.google.com yt.be upload.video.google.com upload.youtube.com youtube.googleapis.com yt3.googleusercontent.com video.google.com
app gmail host mail.google.com gmail.com googlemail.com smtp.gmail.com imap.gmail.com pop.gmail.com inbox.google.com gmail-smtp-in.l.google.com googlemail.l.google.com mail-attachment.googleusercontent.com
app google-drive host drive.google.com drivefrontend-pa.googleapis.com drive.usercontent.google.com content.googleapis.com driveservice.googleapis.com
app google-docs host docs.google.com sheets.google.com slides.google.com docs.googleusercontent.com
app google-maps host maps.google.com maps.googleapis.com maps.gstatic.com mapsengine.google.com khms0.googleapis.com khms.google.com clients4.maps.google.com geo0.ggpht.com
app google-play host play.google.com play.googleapis.com android.clients.google.com play-fe.googleapis.com play-lh.googleusercontent.com gvt1.com market.android.com playatoms-pa.googleapis.com play-games.googleusercontent.com
app google-meet host meet.google.com meetings.googleapis.com hangouts.google.com hangouts.googleapis.com duo.google.com meet.googleapis.com
app gemini host gemini.google.com generativelanguage.googleapis.com bard.google.com aistudio.google.com
app google host google.com google.cn google.com.hk google.de google.co.uk google.fr google.it google.es google.co.jp google.ru google.com.br google.nl google.co.in google.ca google.com.au google.pl google.be google.ch google.at google.com.tr google.se google.com.tw google.com.sg google.co.kr
app google host googleapis.com gstatic.com googleusercontent.com ggpht.com 1e100.net goo.gl gvt2.com gvt3.com googlesource.com withgoogle.com chromium.org chrome.com android.com blogspot.com blogger.com gmodules.com ampproject.org appspot.com firebaseio.com firebase.com crashlytics.com googlezip.net googlecode.com google.dev g.co recaptcha.net googleapis.cn gstatic.cn app-measurement.com firebaseapp.com web.app run.app cloudfunctions.net
app advertising host doubleclick.net googleadservices.com googlesyndication.com google-analytics.com googletagmanager.com googletagservices.com 2mdn.net adservice.google.com scorecardresearch.com criteo.com criteo.net adnxs.com rubiconproject.com pubmatic.com openx.net taboola.com outbrain.com moatads.com adsrvr.org casalemedia.com quantserve.com quantcount.com
app advertising host mathtag.com demdex.net everesttech.net bluekai.com krxd.net adjust.com appsflyer.com branch.io amazon-adsystem.com adcolony.com applovin.com inmobi.com mopub.com chartbeat.com chartbeat.net hotjar.com mixpanel.com segment.io segment.com serving-sys.com tapad.com bidswitch.net smartadserver.com yieldmo.com unityads.unity3d.com vungle.com chartboost.com flurry.com comscore.com newrelic.com nr-data.net
app advertising host cnzz.com hm.baidu.com cpro.baidu.com pos.baidu.com e.qq.com gdt.qq.com l.qq.com growingio.com sensorsdata.cn talkingdata.com talkingdata.net admaster.com.cn miaozhen.com ad.xiaomi.com alimama.com onetag-sys.com contextweb.com teads.tv media.net lijit.com crwdcntrl.net rlcdn.com gumgum.com adform.net

# --- Microsoft ---
app teams host teams.microsoft.com teams.live.com teams.cdn.office.net teams.office.com teams.microsoft.us lync.com teams.skype.com flightproxy.teams.microsoft.com trouter.teams.microsoft.com teams.events.data.microsoft.com sfbassets.com teams.cloud.microsoft teams.office.net
app skype host skype.com skypeassets.com skypeforbusiness.com sfx.ms.skype.com skype.net skypedata.akadns.net trouter.io
app outlook host outlook.com outlook.office.com outlook.office365.com hotmail.com mail.live.com smtp-mail.outlook.com imap-mail.outlook.com outlook.live.com attachments.office.net outlookmobile.com protection.outlook.com outlook.office.net ow2.res.office365.com
app onedrive host onedrive.com onedrive.live.com 1drv.com 1drv.ms storage.live.com api.onedrive.com livefilestore.com skydrive.live.com files.1drv.com docs.live.net policies.live.net
app sharepoint host sharepoint.com sharepointonline.com svc.ms sharepoint.cn sharepoint-df.com
app office365 host office.com office365.com office.net microsoftonline.com microsoft365.com officeapps.live.com onmicrosoft.com onenote.com aadcdn.msftauth.net msftauth.net cloud.microsoft sway.com yammer.com partner.outlook.cn microsoftonline-p.com msauth.net msocdn.com officecdn.microsoft.com office365.us onenote.net msauthimages.net sway-cdn.com
app windows-update host windowsupdate.com update.microsoft.com delivery.mp.microsoft.com dl.delivery.mp.microsoft.com windowsupdate.microsoft.com do.dsp.mp.microsoft.com download.microsoft.com dsp.mp.microsoft.com prod.do.dsp.mp.microsoft.com wdcp.microsoft.com download.windowsupdate.com
app azure host azure.com azure.net azureedge.net azurewebsites.net windows.net azure.cn cloudapp.net cloudapp.azure.com trafficmanager.net azure-devices.net azurefd.net azure-api.net chinacloudapi.cn azurecr.io azure-dns.com visualstudio.com dev.azure.com azure-automation.net vsassets.io
app bing host bing.com bing.net bingapis.com bing.cn mm.bing.net
app copilot host copilot.microsoft.com githubcopilot.com sydney.bing.com edgeservices.bing.com copilot.cloud.microsoft
app xbox host xboxlive.com xbox.com xboxservices.com gamepass.com xboxab.com playfabapi.com xboxlive.cn
app linkedin host linkedin.com licdn.com lnkd.in linkedin.cn
app github host github.com githubusercontent.com githubassets.com github.io github.dev ghcr.io githubapp.com git.io github.blog
app microsoft host microsoft.com msn.com live.com live.net windows.com msftncsi.com msftconnecttest.com s-microsoft.com aka.ms msedge.net microsoftstore.com msecnd.net aspnetcdn.com microsofttranslator.com nuget.org msn.cn microsoft.net microsoft.us windowsphone.com microsoftusercontent.com passport.net msftspeechmodelsprod.azureedge.net live.com.akadns.net msnmessenger.com

# --- Apple ---
app icloud host icloud.com icloud-content.com icloud.com.cn apple-cloudkit.com gateway.icloud.com icloud-content.com.cn me.com mac.com icloud.apple.com apple-livephotoskit.com cdn-apple-relay.net mask.icloud.com
app app-store host apps.apple.com itunes.apple.com mzstatic.com phobos.apple.com buy.itunes.apple.com init.itunes.apple.com apps.mzstatic.com xp.apple.com bag.itunes.apple.com appstore.com itunes-apple.com.akadns.net se.itunes.apple.com su.itunes.apple.com p30-buy.itunes.apple.com sandbox.itunes.apple.com amp-api.apps.apple.com itunes.com
app apple-music host music.apple.com audio.itunes.apple.com aod.itunes.apple.com audio-ssl.itunes.apple.com amp-api.music.apple.com itsliveradio.apple.com streamingaudio.itunes.apple.com
app apple-push host push.apple.com courier.push.apple.com push-apple.com.akadns.net
app siri host siri.apple.com guzzoni.apple.com smoot.apple.com
app facetime host facetime.apple.com
app apple host apple.com cdn-apple.com aaplimg.com apple-dns.net apple.com.cn apple-mapkit.com apple.news applimg.com apple-dns.cn apple.co apple.com.akadns.net apple.com.edgekey.net safebrowsing.apple apple-native-relay.apple.com

# --- Amazon ---
app prime-video host primevideo.com aiv-cdn.net aiv-delivery.net pv-cdn.net amazonvideo.com atv-ps.amazon.com atv-ext.amazon.com
app alexa host alexa.amazon.com alexa.com alexa.amazon.co.uk avs-alexa-na.amazon.com bob-dispatch-prod-na.amazon.com amazonalexa.com pitangui.amazon.com
app twitch host twitch.tv ttvnw.net jtvnw.net twitchcdn.net twitchsvc.net ext-twitch.tv live-video.net
app aws host amazonaws.com amazonaws.com.cn cloudfront.net awsstatic.com awsdns.com aws.amazon.com aws.dev awsglobalaccelerator.com elasticbeanstalk.com signin.aws amazoncognito.com amazonses.com cloudfront.cn awscloud.com awsapps.com amazontrust.com
app amazon host amazon.com amazon.cn amazon.co.uk amazon.de amazon.co.jp amazon.fr amazon.it amazon.es amazon.in amazon.ca ssl-images-amazon.com media-amazon.com images-amazon.com kindle.com audible.com amazonpay.com a2z.com amazon-dss.com amazon.dev amazoncrl.com amzn.to amazon.com.au amazon.com.br amazon.nl ring.com imdb.com goodreads.com

# --- Social networks and messages ---
app whatsapp host whatsapp.com whatsapp.net wa.me
app instagram host instagram.com cdninstagram.com ig.me instagram.c10r.facebook.com
app threads host threads.net threads.com
app messenger host messenger.com m.me edge-chat.facebook.com mqtt.facebook.com edge-mqtt.facebook.com mqtt-mini.facebook.com
app facebook host facebook.com fbcdn.net fb.com fbsbx.com facebook.net fb.me fbcdn.com meta.com oculus.com fb.watch fb.gg facebookmail.com internet.org atdmt.com fbpigeon.com tfbnw.net workplace.com accountkit.com oculuscdn.com
app twitter host twitter.com x.com twimg.com t.co twitter.co periscope.tv pscp.tv tweetdeck.com vine.co ads-twitter.com
app telegram host telegram.org t.me telegram.me telegra.ph tdesktop.com telegram.dog telesco.pe cdn-telegram.org comments.app contest.com
app signal host signal.org whispersystems.org signal.art signal.group signalusers.org signal.me textsecure-service.whispersystems.org
app viber host viber.com viber.me viber-cdn.com vb.me viber.co.jp
app threema host threema.ch threema.com threema.id
app imo host imo.im imoim.com imoim.net imo.us
app line host line.me line-apps.com line-scdn.net naver.jp line.naver.jp linecorp.com line-cdn.net linemobile.com line-apps-beta.com
app kakaotalk host kakao.com kakaocdn.net kakao.co.kr kakaocorp.com daumcdn.net daum.net
app discord host discord.com discordapp.com discord.gg discordapp.net discord.media discordcdn.com discord.co dis.gd discordstatus.com
app slack host slack.com slack-edge.com slack-msgs.com slackb.com slack-imgs.com slack-core.com slack-files.com slackdemo.com
app zoom host zoom.us zoom.com zoom.com.cn zoomgov.com zoomcdn.com zoom.cn zmcdn.com zoom-app.com
app webex host webex.com webexcontent.com wbx2.com ciscospark.com webex.com.cn webexconnect.com ciscowebex.com webexapis.com accompany.com
app gotomeeting host gotomeeting.com logmein.com logmeininc.com goto.com gotowebinar.com getgo.com gotomypc.com gototraining.com expertcity.com citrixonline.com
app snapchat host snapchat.com sc-cdn.net snap.com snapkit.co snapads.com sc-gw.com feelinsonice.com impala-media-production.s3.amazonaws.com sc-static.net sc-jpl.com snapkit.com bitstrips.com feelinsonice-hrd.appspot.com addlive.io
app reddit host reddit.com redd.it redditstatic.com redditmedia.com reddituploads.com redditblog.com redditinc.com
app pinterest host pinterest.com pinimg.com pinterest.de pinterest.fr pinterest.co.uk pin.it pinterest.it pinterest.es pinterest.jp pinterest.net
app tumblr host tumblr.com tumblr.co srvcs.tumblr.com
app quora host quora.com quoracdn.net
app vk host vk.com vk.ru vk.me userapi.com vkuser.net vkuservideo.net vk-cdn.net vk-portal.net ok.ru odnoklassniki.ru okcdn.ru mycdn.me
app mail-ru host mail.ru imgsmail.ru mradx.net my.com
app agora host agora.io sd-rtn.com agoraio.cn agoralab.co easemob.com shengwang.cn agora.com.cn
app teamspeak host teamspeak.com teamspeak-systems.de myteamspeak.com

# --- Video and music of the world ---
app netflix host netflix.com nflxvideo.net nflximg.net nflxso.net nflxext.com nflximg.com netflix.net nflxsearch.net netflixdnstest1.com fast.com netflix.ca netflixinvestor.com
app disney-plus host disneyplus.com disney-plus.net dssott.com bamgrid.com disneystreaming.com disney-portal.my.onetrust.com dssedge.com hotstar.com disney.io starott.com
app hbo host hbomax.com hbo.com max.com hbogo.com hbonow.com discomax.com
app hulu host hulu.com hulustream.com huluim.com huluqa.com
app spotify host spotify.com scdn.co spotifycdn.com spotify.net spoti.fi audio-ak-spotify-com.akamaized.net pscdn.co spotifycdn.net tospotify.com
app deezer host deezer.com dzcdn.net deezer.fr
app soundcloud host soundcloud.com sndcdn.com
app vimeo host vimeo.com vimeocdn.com livestream.com
app dailymotion host dailymotion.com dmcdn.net dailymotionbus.com dm-event.net
app dazn host dazn.com dazndn.com indazn.com dazn-api.com daznservices.com dazn-gateway.com daznfeeds.com perform-group.com dcms.performgroup.com
app zattoo host zattoo.com zattic.com zahs.tv zattosecurehd2-f.akamaihd.net
app pluralsight host pluralsight.com plrsght.com pluralsight.imgix.net pluralsight2.imgix.net

# --- Games ---
app steam host steampowered.com steamcommunity.com steamstatic.com steamcontent.com steamusercontent.com steamgames.com steam-chat.com steamchina.com steamserver.net valvesoftware.com dota2.com steamcdn-a.akamaihd.net wmsjsteam.com steambroadcast.akamaized.net
app epic-games host epicgames.com epicgames.dev unrealengine.com fortnite.com epicgamescdn.com ol.epicgames.com easyanticheat.net
app ea host ea.com origin.com eaassets-a.akamaihd.net easports.com battlefield.com tnt-ea.com respawn.com swtor.com
app ubisoft host ubi.com ubisoft.com ubisoftconnect.com uplay.com ubisoftstore.com
app battlenet host battle.net blizzard.com blz-contentstack.com battlenet.com.cn blizzard.cn worldofwarcraft.com blzstatic.cn playhearthstone.com blzddist1-a.akamaihd.net blz-cdn.com starcraft2.com diablo.com overwatch.com blizzardgames.cn
app riot-games host riotgames.com leagueoflegends.com riotcdn.net pvp.net playvalorant.com lolesports.com rgpub.io riotgames.tv valorant.com
app roblox host roblox.com rbxcdn.com rbx.com roblox.cn robloxlabs.com rbxtrk.com
app playstation host playstation.com playstation.net sonyentertainmentnetwork.com playstation.com.hk psn.com playstationnetwork.com sonycoment.loris-e.llnwd.net
app nintendo host nintendo.com nintendo.net nintendowifi.net nintendo.co.jp nintendo.eu nintendo-europe.com npns.srv.nintendo.net
app call-of-duty host callofduty.com activision.com demonware.net codmwest.com activisionblizzard.com codm.garena.com
app genshin-impact host genshin.com mihoyo.com hoyoverse.com hoyolab.com yuanshen.com mihayo.com bhsr.com zenlesszonezero.com miyoushe.com
app war-thunder host gaijin.net warthunder.com gaijinent.com gaijin.ru enlisted.net crossout.net gaijin.com
app path-of-exile host pathofexile.com poecdn.com grindinggear.com
app unity host unity3d.com unity.com unity.cn unitychina.cn
app minecraft host minecraft.net mojang.com minecraftservices.com minecraft-services.net minecraftforge.net
app toca-boca host tocaboca.com

# --- Clouds and delivery ---
app cloudflare host cloudflare.com cloudflare.net cloudflareinsights.com workers.dev cloudflare-dns.com cloudflareclient.com cf-ipfs.com pages.dev cloudflarestream.com one.one.one.one cloudflarestatus.com cloudflare-ech.com cloudflare-esni.com cloudflare.cn cloudflare-gateway.com argotunnel.com trycloudflare.com cdnjs.com
app akamai host akamai.net akamaized.net akamaihd.net akamaitechnologies.com edgekey.net edgesuite.net akadns.net akamai.com akamaiedge.net akstat.io go-mpulse.net akamaized-staging.net linode.com linodeobjects.com
app fastly host fastly.net fastly.com fastlylb.net fastly-edge.com fsly.net
app cachefly host cachefly.net cachefly.com
app salesforce host salesforce.com force.com sfdcstatic.com salesforceliveagent.com exacttarget.com my.salesforce.com salesforce-communities.com visualforce.com salesforce-sites.com pardot.com salesforce-experience.com lightning.com
app sap host sap.com ondemand.com sapcloud.cn concursolutions.com successfactors.com ariba.com sap.cn
app shopify host shopify.com shopifycdn.com myshopify.com shopifysvc.com shopifycloud.com
app dropbox host dropbox.com dropboxusercontent.com dropboxapi.com dropboxstatic.com db.tt getdropbox.com dropbox-dns.com dropboxforum.com dropbox.tech dropboxbusiness.com
app box host box.com boxcdn.net box.net boxcloud.com
app notion host notion.so notion.com notion.site notion-static.com
app atlassian host atlassian.com atlassian.net bitbucket.org jira.com trello.com atl-paas.net atlassian.io statuspage.io
app gitlab host gitlab.com gitlab.io gitlab-static.net gitlab.net
app docker-hub host docker.com docker.io dockerhub.com docker.cn dockerusercontent.com
app npm host npmjs.org npmjs.com npmmirror.com yarnpkg.com npmjs.cn
app pypi host pypi.org pythonhosted.org python.org
app mozilla host mozilla.org mozilla.com mozilla.net firefox.com mozaws.net mozillamessaging.com firefoxusercontent.com mozgcp.net mozit.cloud
app ubuntu host ubuntu.com canonical.com snapcraft.io launchpad.net snapcraftcontent.com launchpadcontent.net
app debian host debian.org debian.net debian.com
app redhat host redhat.com fedoraproject.org centos.org openshift.com quay.io redhat.io redhatcloud.com ansible.com
app adobe host adobe.com adobe.io adobelogin.com adobedtm.com adobecc.com omtrdc.net typekit.net adobess.com behance.net adobesc.com creativecloud.com 2o7.net adobestats.io adobeprojectm.com acrobat.com
app vmware host vmware.com vmware-vso.com workspaceone.com awmdm.com carbonblack.io vmwareidentity.com omnissa.com
app cisco host cisco.com meraki.com duosecurity.com opendns.com umbrella.com ciscomeraki.com thousandeyes.com meraki.net.cn
app ibm host ibm.com softlayer.com bluemix.net ibmcloud.com ibm.net
app dell host dell.com dell.cn delltechnologies.com emc.com alienware.com
app hp host hp.com hpe.com hpeprint.com hpconnected.com hpsmart.com arubanetworks.com
app intel host intel.com intel.cn
app nvidia host nvidia.com nvidia.cn geforce.com geforcenow.com nvidiagrid.net
app samsung host samsung.com samsungcloud.com samsungapps.com samsungcloudsolution.com samsungcloudsolution.net samsungosp.com samsungqbe.com secb2b.com samsungcloud.tv samsungdm.com samsungelectronics.com smartthings.com samsungiotcloud.com samsungcloud.cn samsungacr.com samsungrm.net
app sony host sony.com sony.net sony.jp sonyselect.cn

# --- Knowledge, news, trade of the world ---
app wikipedia host wikipedia.org wikimedia.org wiktionary.org wikidata.org mediawiki.org wikimediafoundation.org wikibooks.org wmfusercontent.org wikisource.org wikiquote.org
app yahoo host yahoo.com yimg.com yahooapis.com yahoo.co.jp yahoodns.net yahoo.net aol.com flickr.com staticflickr.com oath.com yahooinc.com yimg.jp
app yandex host yandex.ru yandex.net yandex.com ya.ru yastatic.net yandex.st yandex.by yandex.kz yandexcloud.net kinopoisk.ru yandex.cloud yadi.sk
app ebay host ebay.com ebaystatic.com ebayimg.com ebay.de ebay.co.uk ebayrtm.com ebay.fr ebay.it ebaycdn.net
app paypal host paypal.com paypalobjects.com venmo.com braintreegateway.com paypal.cn paypal-communication.com braintree-api.com
app booking host booking.com bstatic.com
app airbnb host airbnb.com muscache.com airbnb.cn airbnb.co.uk
app uber host uber.com ubereats.com uberinternal.com
app stackoverflow host stackoverflow.com stackexchange.com sstatic.net serverfault.com superuser.com askubuntu.com
app medium host medium.com
app wordpress host wordpress.com wp.com wordpress.org gravatar.com w.org automattic.com
app bbc host bbc.co.uk bbc.com bbci.co.uk bbc.net.uk
app cnn host cnn.com cnn.io turner.com cnn.net
app nytimes host nytimes.com nyt.com nytco.com
app coursera host coursera.org coursera-apps.org
app udemy host udemy.com udemycdn.com
app speedtest host speedtest.net ookla.com ooklaserver.net speedtestcustom.com speedtest.cn
app openai host openai.com chatgpt.com oaistatic.com oaiusercontent.com sora.com chat.com
app anthropic host anthropic.com claude.ai claude.com claudeusercontent.com
app perplexity host perplexity.ai pplx.ai
app huggingface host huggingface.co hf.co hf.space huggingface.tech hf-mirror.com

# --- Protection, remote hands, ways around ---
app avast host avast.com avcdn.net avg.com avast.ru avastbrowser.com gendigital.com
app kaspersky host kaspersky.com kaspersky-labs.com kaspersky.ru kaspersky.com.cn kas-labs.com kasperskylab.ru
app mcafee host mcafee.com mcafeeasap.com mcafee.net trellix.com siteadvisor.com
app eset host eset.com eset.sk nod32.com esetnod32.ru eset.eu
app symantec host symantec.com norton.com symantecliveupdate.com symcb.com symcd.com nortonlifelock.com
app crowdstrike host crowdstrike.com cloudsink.net falcon.crowdstrike.com
app teamviewer host teamviewer.com teamviewer.cn dyngate.com teamviewer.us
app anydesk host anydesk.com anydesk.com.cn
app tor host torproject.org torproject.net onion.to
app psiphon host psiphon.ca psiphon3.com psiphontoday.com
app ultrasurf host ultrasurf.us wujieliulan.com
app tunnelbear host tunnelbear.com polargrizzly.com lazerbear.com captivepandora.com
app opera-vpn host sec-tunnel.com opera-proxy.net opera-vpn.com surfeasy.com
app nordvpn host nordvpn.com nordcdn.com ndaccount.com nordaccount.com nord-apps.com zwyr157wwiu6eior.com nordvpn.net
app expressvpn host expressvpn.com xvtelink.com expressapisv2.net expressvpn.net expressobutiolem.com
app protonvpn host protonvpn.com protonvpn.ch protonvpn.net
app surfshark host surfshark.com surfsharkdns.com surfshark.net
app tailscale host tailscale.com tailscale.io ts.net
app zerotier host zerotier.com
app softether host softether.org softether-network.net vpngate.net softether.net vpnazure.net uxcom.jp vpngate.jp sehosts.com open.ad.jp ddns.softether.net
app syncthing host syncthing.net
app bittorrent host bittorrent.com utorrent.com torrentz.eu rarbg.to 1337x.to thepiratebay.org openbittorrent.com opentrackr.org btfs.io tracker.openbittorrent.com
app ocsp host ocsp.digicert.com ocsp.sectigo.com ocsp.usertrust.com ocsp.pki.goog ocsp.apple.com ocsp.globalsign.com ocsp2.globalsign.com ocsp.comodoca.com ocsp.verisign.com ocsp.thawte.com ocsp.geotrust.com ocsp.godaddy.com ocsp.entrust.net ocsp.int-x3.letsencrypt.org lencr.org ocsp.rootca1.amazontrust.com ocsp.digicert.cn ocsp.msocsp.com ocsp.trust-provider.com ocsp2.apple.com
app dns-over-https host dns.google dns.google.com mozilla.cloudflare-dns.com chrome.cloudflare-dns.com dns.quad9.net dns9.quad9.net doh.opendns.com doh.cleanbrowsing.org dns.adguard.com dns.adguard-dns.com doh.pub dns.alidns.com doh.360.cn dns.nextdns.io doh.dns.sb dns.twnic.tw doh.familyshield.opendns.com =cloudflare-dns.com =one.one.one.one =1dot1dot1dot1.cloudflare-dns.com doh.dns.apple.com dot.pub unfiltered.adguard-dns.com family.adguard-dns.com dns.ipv6.alidns.com
